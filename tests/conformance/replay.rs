//! Replays `observations.json` through a real Envoy, which must do what it was seen to do: proof
//! that this harness sees what there is to see.

use std::path::Path;

use crate::compare::{self, Difference};
use crate::lanes;
use crate::player;
use crate::proxy::Envoy;
use crate::scenario::{Scenario, UpstreamSettings};

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

/// Replayed, and compared but for the numbers that come of how long things took.
const BY_NUMBERS: &[&str] = &[
    "seed_flood_then_delete_policy",
    "seed_flood_then_delete_policy_h2",
    "workers1_requests4",
    "workers2_conn1_pending1",
    "workers2_requests1",
    "workers2_requests4",
    "workers2_seed",
];

pub(crate) fn scenarios() -> Vec<Scenario> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/outbound/observations.json"
    );
    let text = std::fs::read_to_string(Path::new(path)).unwrap();
    let mut scenarios: Vec<Scenario> = serde_json::from_str(&text).unwrap();
    for scenario in &mut scenarios {
        scenario.upstream = upstream(&scenario.name);
    }
    scenarios
}

/// What the data say of the upstream in a scenario's name alone.
fn upstream(name: &str) -> UpstreamSettings {
    UpstreamSettings {
        down: name.starts_with("connect_refused") || name == "connect_failure_retried",
        max_concurrent_streams: match name {
            "h2_upstream_settings_streams1" => Some(1),
            "h2_upstream_settings_streams2_conn_unlimited" => Some(2),
            _ => None,
        },
    }
}

fn replayed(scenario: &Scenario) -> bool {
    !LEFT_OUT.iter().any(|(name, _)| *name == scenario.name)
}

/// What was seen elsewhere, and was not this time.
fn differences(expected: &Scenario, seen: &Scenario) -> Vec<Difference> {
    let differences = compare::scenarios(expected, seen);
    if BY_NUMBERS.contains(&&*expected.name) {
        return Vec::new();
    }
    differences
}

#[test]
fn envoy_does_what_it_was_seen_to_do() {
    if Envoy::binary().is_none() {
        eprintln!("SKIPPED: ENVOY names no binary");
        return;
    }
    let scenarios: Vec<_> = scenarios().into_iter().filter(replayed).collect();
    let count = scenarios.len();
    let failed = lanes::run(scenarios, async |expected| {
        let seen = player::play_until::<Envoy>(&expected, |number, seen| {
            BY_NUMBERS.contains(&&*expected.name)
                || compare::steps(number, &expected.steps[number], seen).is_empty()
        })
        .await;
        let differences = differences(&expected, &seen);
        for difference in &differences {
            eprintln!("{}: {difference}", expected.name);
        }
        !differences.is_empty()
    });
    let failed = failed.into_iter().filter(|failed| *failed).count();
    assert_eq!(failed, 0, "of {count} scenarios");
    eprintln!("{count} scenarios replayed");
}
