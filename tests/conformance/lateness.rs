//! Scenarios in which time limits run out. They mean something only if they are played in time.

use std::time::Duration;

use crate::lanes;
use crate::player::Played;
use crate::scenario::{Route, Scenario};

/// The shortest time limit that they set is 200 ms, and they let at most 40 of those pass on
/// purpose before something else is to happen. With no more delay than this none can have run out
/// early, and what is wrong is the proxy's doing.
const IN_TIME: Duration = Duration::from_millis(150);
/// A machine with other things to do may be late once or twice; it is not to be late each time.
const TRIES: u32 = 10;

/// Runs all, those with time limits by themselves, so that they are not late as a rule.
pub(crate) fn run_all<R: Send>(
    scenarios: Vec<Scenario>,
    play: impl AsyncFn(Scenario) -> R + Sync,
) -> Vec<R> {
    let (timed, timeless) = scenarios.into_iter().partition(has_time_limit);
    let mut results = lanes::run(timeless, &play);
    results.extend(lanes::run_alone(timed, &play));
    results
}

fn has_time_limit(scenario: &Scenario) -> bool {
    let Route {
        retry_policy,
        route_timeout,
    } = &scenario.route;
    let per_try_timeout = retry_policy
        .as_ref()
        .and_then(|policy| policy.per_try_timeout.as_ref());
    let pool = scenario.settings.connection_pool.as_ref();
    let of_the_pool = pool.is_some_and(|pool| {
        pool.tcp.connect_timeout.is_some()
            || pool.tcp.max_connection_duration.is_some()
            || pool.http.idle_timeout.is_some()
    });
    of_the_pool || route_timeout.is_some() || per_try_timeout.is_some()
}

/// What is wrong with a play of this scenario. One that is late proves nothing, and is looked at
/// again; one in time has the last word, and so has the last.
pub(crate) async fn in_time<T>(
    scenario: &Scenario,
    play: impl AsyncFn() -> Played,
    wrong: impl Fn(&Scenario) -> Vec<T>,
) -> Vec<T> {
    let is_timed = has_time_limit(scenario);
    for number in 1.. {
        let Played { seen, delay } = play().await;
        let found = wrong(&seen);
        let is_late = is_timed && delay > IN_TIME;
        if found.is_empty() || !is_late || number == TRIES {
            return found;
        }
        eprintln!("{}: late by {delay:?}, and played again", scenario.name);
    }
    unreachable!("the last has the last word")
}
