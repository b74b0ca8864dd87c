//! Plays a scenario: does what each step says, waits until the proxy has come to rest, and takes
//! down what was seen.

mod drain;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep};

pub(crate) use self::drain::Remains;
use crate::client::{Client, Message};
use crate::load;
use crate::log::Log;
use crate::proxy::Proxy;
use crate::recorder::{self, Outcomes};
use crate::scenario::{Action, Gate, Page, Scenario, Step};
use crate::stats::Stats;
use crate::upstream::{Reply, Upstream};

/// How often to look.
const LOOK: Duration = Duration::from_millis(3);
/// It is at rest when it looks the same so many times after each other, between two requests that
/// are sent in turn, and at the end of a step.
const SAME_IN_TURN: u32 = 1;
const SAME_AT_END: u32 = 3;
/// What the proxy says of itself should agree with what is seen from outside before so long. One
/// that miscounts is taken as it is then.
const DISAGREEMENT: Duration = Duration::from_secs(1);
/// How long to wait for what is expected.
const EXPECTATION: Duration = Duration::from_secs(3);
/// How long to wait for the access log.
const ACCESS_LOG: Duration = Duration::from_secs(1);

/// What came of a play.
pub(crate) struct Played {
    /// The same scenario, with what was seen in it.
    pub(crate) seen: Scenario,
    /// How much longer it took than it was to wait, up to the first step that was not as expected.
    pub(crate) delay: Duration,
}

/// What came of a play to the end.
pub(crate) struct Ended {
    /// The same scenario, with what was seen in it.
    pub(crate) seen: Scenario,
    pub(crate) remains: Remains,
}

/// Plays a scenario through a proxy of its own, and then lets everything come to an end.
pub(crate) async fn play_to_the_end<P: Proxy>(scenario: &Scenario) -> Ended {
    let mut player = Player::<P>::start(scenario).await;
    let Played { seen, .. } = player.play(scenario, |_, _| true).await;
    let remains = player.drain(scenario).await;
    player.proxy.stop().await;
    Ended { seen, remains }
}

/// Plays it through a proxy of its own, and in each step waits a while for `expected` to hold of it.
pub(crate) async fn play_until<P: Proxy>(
    scenario: &Scenario,
    expected: impl Fn(usize, &Step) -> bool,
) -> Played {
    let mut player = Player::<P>::start(scenario).await;
    let played = player.play(scenario, expected).await;
    player.proxy.stop().await;
    played
}

/// A step that was taken.
struct Taken {
    seen: Step,
    as_expected: bool,
    /// How much longer it took than it was to wait: until it was as expected, or, if it never was,
    /// until it first looked as if nothing more would happen.
    delay: Duration,
}

struct Player<P> {
    proxy: P,
    upstream: Upstream,
    log: Log,
    clients: BTreeMap<String, Client>,
}

impl<P: Proxy> Player<P> {
    async fn start(scenario: &Scenario) -> Self {
        assert_eq!(scenario.hosts, 1, "there is one upstream");
        let log = Log::default();
        let upstream = Upstream::new(scenario, log.clone());
        let proxy = P::start(scenario, upstream.address()).await;
        Self {
            upstream,
            proxy,
            log,
            clients: BTreeMap::new(),
        }
    }

    async fn play(
        &mut self,
        scenario: &Scenario,
        expected: impl Fn(usize, &Step) -> bool,
    ) -> Played {
        let mut outcomes = Outcomes::default();
        let mut steps = Vec::new();
        let (mut delay, mut as_expected) = (Duration::ZERO, true);
        for (index, step) in scenario.steps.iter().enumerate() {
            let start = self.log.len();
            let taken = self.step(&step.action, |seen| expected(index, seen)).await;
            if as_expected {
                delay += taken.delay;
            }
            as_expected &= taken.as_expected;
            let sent = match &step.action {
                Action::Send { ids, .. } => ids.as_slice(),
                _ => &[],
            };
            if !self.under_load(&step.action) {
                outcomes.take(sent, &self.log.since(start));
            }
            steps.push(taken.seen);
        }
        let access_log = self.access_log(outcomes.ended()).await;
        let seen = Scenario {
            served_order: recorder::served_order(&steps),
            steps,
            outcome: outcomes.finish(&access_log),
            ..scenario.clone()
        };
        Played { seen, delay }
    }

    async fn step(&mut self, action: &Action, expected: impl Fn(&Step) -> bool) -> Taken {
        let began = Instant::now();
        let waits = match action {
            Action::Wait { ms } => Duration::from_millis(*ms),
            _ => Duration::ZERO,
        };
        let start = self.log.len();
        let before = self.proxy.stats().await;
        let mut results = Step::new(action.clone());
        self.act(action, &mut results).await;
        let deadline = Instant::now() + EXPECTATION;
        let mut first_rest = None;
        loop {
            let after = self.rest(SAME_AT_END).await;
            let delay = began.elapsed().saturating_sub(waits);
            let first_delay = *first_rest.get_or_insert(delay);
            let events = if self.under_load(action) {
                Vec::new()
            } else {
                self.log.since(start)
            };
            let seen = Step {
                admin: results.admin.clone(),
                flood_result: results.flood_result.clone(),
                rounds_result: results.rounds_result.clone(),
                ..recorder::step(action, &events, &before, &after)
            };
            let as_expected = expected(&seen);
            if as_expected || Instant::now() > deadline {
                return Taken {
                    seen,
                    as_expected,
                    delay: if as_expected { delay } else { first_delay },
                };
            }
        }
    }

    /// Too much happens in these to be taken down one by one.
    fn under_load(&self, action: &Action) -> bool {
        matches!(action, Action::Flood { .. } | Action::Rounds { .. })
    }

    async fn act(&mut self, action: &Action, results: &mut Step) {
        match action {
            Action::Send {
                ids,
                headers,
                method,
                prefix,
                together,
                settle,
            } => {
                for id in ids {
                    let message = Message {
                        id: id.clone(),
                        method: method.clone().unwrap_or_else(|| "GET".to_owned()),
                        prefix: prefix.clone().unwrap_or_default(),
                        headers: headers.clone(),
                    };
                    let client = Client::send(self.proxy.address(), message, &self.log).await;
                    self.clients.insert(id.clone(), client);
                    if !together && ids.len() > 1 {
                        self.rest(SAME_IN_TURN).await;
                    }
                }
                at_least(*settle).await;
            }
            Action::Release {
                ids,
                how,
                status,
                headers,
                together,
                settle,
            } => {
                for id in ids {
                    let reply = Reply {
                        how: how.unwrap_or_default(),
                        status: status.unwrap_or(200),
                        headers: headers.clone(),
                    };
                    self.upstream.release(id, reply);
                    if !together && ids.len() > 1 {
                        self.rest(SAME_IN_TURN).await;
                    }
                }
                at_least(*settle).await;
            }
            Action::Cancel { ids, rst } => {
                for id in ids {
                    let client = self.clients.remove(id).expect("it was sent");
                    client.leave(*rst);
                }
            }
            Action::Connects {
                action: Some(Gate::Open),
                ..
            } => self.upstream.open().await,
            Action::Connects { n, how, .. } => self.upstream.connects(n.unwrap_or(1), *how).await,
            Action::Wait { ms } => sleep(Duration::from_millis(*ms)).await,
            Action::Set { settings, remove } => {
                let settings = (!remove).then_some(settings);
                self.proxy.set(settings).await;
            }
            Action::Runtime { set } => self.proxy.runtime(set).await,
            Action::Listen => self.upstream.listen(),
            Action::Goaway { conns } => {
                for number in conns {
                    self.upstream.goaway(*number);
                }
            }
            Action::Settings {
                conns,
                max_concurrent_streams,
            } => {
                for number in conns {
                    self.upstream.settings(*number, *max_concurrent_streams);
                }
            }
            Action::CloseUpstreamConn { conns, how } => {
                for number in conns {
                    self.upstream.cut(*number, *how);
                }
            }
            Action::Admin { get, grep } => {
                let page = self.proxy.admin(get).await;
                let asked = |line: &&str| grep.split('|').any(|part| line.contains(part));
                results.admin = Some(Page {
                    get: get.clone(),
                    lines: page.lines().filter(asked).map(str::to_owned).collect(),
                });
            }
            Action::Flood { clients, ms } => {
                let time = Duration::from_millis(*ms);
                let address = self.proxy.address();
                let result = load::flood(address, &self.upstream, *clients, time).await;
                results.flood_result = Some(result);
            }
            Action::Rounds { rounds, burst } => {
                let result = load::rounds(&self.proxy, &self.upstream, *rounds, *burst).await;
                results.rounds_result = Some(result);
            }
        }
    }

    /// Waits until nothing happens any more: the proxy says the same of itself as is seen from
    /// outside, both stay as they are, and the proxy sleeps. Without that one that gets no processor
    /// would look as if it had done with what it has not begun.
    async fn rest(&self, times: u32) -> Stats {
        let deadline = Instant::now() + DISAGREEMENT;
        let (mut last, mut same) = (None, 0);
        loop {
            // Before it is asked, which wakes it.
            let sleeps = self.proxy.sleeps() || Instant::now() > deadline;
            let now = (self.log.len(), self.proxy.stats().await);
            same = if sleeps && last.as_ref() == Some(&now) {
                same + 1
            } else {
                0
            };
            let stats = now.1.clone();
            last = Some(now);
            if same >= times && (self.agrees(&stats) || Instant::now() > deadline) {
                return stats;
            }
            sleep(LOOK).await;
        }
    }

    fn agrees(&self, stats: &Stats) -> bool {
        let seen = self.log.tally();
        seen.held == stats.active()
            && seen.in_flight == stats.active() + stats.pending()
            && seen.connections == stats.connections()
    }

    /// The access log, when it has so many lines.
    async fn access_log(&self, lines: usize) -> Vec<String> {
        let deadline = Instant::now() + ACCESS_LOG;
        loop {
            let log = self.proxy.access_log();
            if log.len() >= lines || Instant::now() > deadline {
                return log;
            }
            sleep(LOOK).await;
        }
    }
}

async fn at_least(seconds: Option<f64>) {
    if let Some(seconds) = seconds {
        sleep(Duration::from_secs_f64(seconds)).await;
    }
}
