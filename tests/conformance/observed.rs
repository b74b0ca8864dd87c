//! `observations.json`: what a real Envoy was seen to do.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::fields::{self, Seen};
use crate::scenario::{Action, Scenario, Step, UpstreamSettings};

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

/// A counter that is chance in Envoy itself: how many of a burst come before the first connection is
/// there.
const BY_CHANCE: (&str, &str) = ("h2_first_conn_burst_no_gate", "rq_pending_total");

/// All that was seen in a scenario, by field.
pub(crate) fn seen(scenario: &Scenario) -> Seen {
    let by_field = |step| by_field(&scenario.name, step);
    let steps: Vec<_> = scenario.steps.iter().map(by_field).collect();
    fields::seen(
        &steps,
        json!(scenario.outcome),
        json!(scenario.served_order),
    )
}

fn by_field(scenario: &str, step: &Step) -> Map<String, Value> {
    let mut step = step.clone();
    if let Action::Flood { .. } = step.action {
        // How many requests a flood is depends on how fast the machine is.
        step.delta.clear();
    }
    if scenario == BY_CHANCE.0 {
        step.delta.remove(BY_CHANCE.1);
    }
    let Value::Object(mut fields) = json!(step) else {
        unreachable!("a struct is an object");
    };
    fields.remove("do");
    fields
}
