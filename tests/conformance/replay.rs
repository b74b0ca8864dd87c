//! Replays `observations.json` through a real Envoy, which must do what it was seen to do: proof
//! that this harness sees what there is to see.

use crate::compare::{self, Difference};
use crate::lateness::{in_time, run_all};
use crate::observations::scenarios;
use crate::player::play_until;
use crate::proxy::Envoy;
use crate::scenario::{Scenario, Step};

/// Not replayed, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "hosts2_conn1",
        "two endpoints; which one comes first is chance",
    ),
    (
        "hosts2_requests1",
        "two endpoints; which one comes first is chance",
    ),
    (
        "conn2_pending_unset_two_free_at_once",
        "which of two released at once is seen first is chance",
    ),
    (
        "upstream_closes_after_response",
        "whether the answer or the close is seen first is chance",
    ),
];

/// Compared but for one field.
const BY_CHANCE: &[(&str, &str)] = &[
    // How many of a burst come before the first connection is there.
    ("h2_first_conn_burst_no_gate", "delta.rq_pending_total"),
];

/// Replayed, and compared by kind alone, as there are more at once than one can tell apart.
const BY_NUMBERS: &[&str] = &[
    "seed_flood_then_delete_policy",
    "seed_flood_then_delete_policy_h2",
    "workers2_conn1_pending1",
    "workers2_requests1",
    "workers2_requests4",
    "workers2_seed",
];

fn replayed(scenario: &Scenario) -> bool {
    !LEFT_OUT.iter().any(|(name, _)| *name == scenario.name)
}

/// Without what comes of how long things took.
fn timeless(step: &Step) -> Step {
    let mut timeless = Step::new(step.action.clone());
    timeless.active = step.active;
    timeless.pending = step.pending;
    timeless.flood_result = step.flood_result.clone();
    if let Some(flood) = &mut timeless.flood_result {
        flood.upstream_conns_so_far = 0;
        for count in flood.statuses.values_mut().chain(flood.bodies.values_mut()) {
            *count = 1;
        }
    }
    timeless
}

/// What was seen before, and was not this time.
fn differences(number: usize, expected: &Scenario, seen: &Step) -> Vec<Difference> {
    let mut before = expected.steps[number].clone();
    if let Some(rounds) = &mut before.rounds_result {
        rounds.per_worker_downstream_cx.clear(); // how the kernel spread them
    }
    if BY_NUMBERS.contains(&&*expected.name) {
        return compare::steps(number, &timeless(&before), &timeless(seen));
    }
    let mut found = compare::steps(number, &before, seen);
    found.retain(|difference| !BY_CHANCE.contains(&(&*expected.name, &*difference.field)));
    found
}

/// Plays a scenario again: what was seen before, and was not this time.
async fn replay(expected: &Scenario) -> Vec<Difference> {
    let as_expected = |number: usize, seen: &Step| differences(number, expected, seen).is_empty();
    let wrong = |seen: &Scenario| {
        let steps = seen.steps.iter().enumerate();
        let mut found: Vec<_> = steps
            .flat_map(|(number, seen)| differences(number, expected, seen))
            .collect();
        found.extend(compare::end(expected, seen));
        found
    };
    let play = async || play_until::<Envoy>(expected, as_expected).await;
    in_time(expected, play, wrong).await
}

#[test]
fn envoy_does_what_it_was_seen_to_do() {
    if Envoy::binary().is_none() {
        eprintln!("SKIPPED: ENVOY names no binary");
        return;
    }
    let scenarios: Vec<_> = scenarios().into_iter().filter(replayed).collect();
    let count = scenarios.len();
    let failed = run_all(scenarios, async |expected| {
        let found = replay(&expected).await;
        for difference in &found {
            eprintln!("{}: {difference}", expected.name);
        }
        !found.is_empty()
    });
    let failed = failed.into_iter().filter(|failed| *failed).count();
    assert_eq!(failed, 0, "of {count} scenarios");
    eprintln!("{count} scenarios replayed");
}
