//! What a real Envoy was seen to do, without what differs from run to run.

use serde_json::{Map, Value, json};

use crate::fields::{self, Seen};
use crate::recorder::served_order;
use crate::scenario::{Action, Scenario, Step};

/// A counter that is chance in Envoy itself: how many of a burst come before the first connection is
/// there.
const BY_CHANCE: (&str, &str) = ("h2_first_conn_burst_no_gate", "rq_pending_total");

/// All that was seen in a scenario, by field.
pub(crate) fn seen(scenario: &Scenario) -> Seen {
    let mut sorted = scenario.steps.clone();
    for step in &mut sorted {
        step.sort_by_connection();
    }
    let served_order = served_order(&sorted);
    let by_field = |step| by_field(&scenario.name, step);
    let steps: Vec<_> = sorted.iter().map(by_field).collect();
    fields::seen(&steps, json!(scenario.outcome), json!(served_order))
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
    fields::by_field(&step)
}
