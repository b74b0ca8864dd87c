//! `observations.json`: what a real Envoy was told, and what it was seen to do.

use crate::scenario::{Scenario, UpstreamSettings};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let text = include_str!("../outbound/observations.json");
    let mut scenarios: Vec<Scenario> = serde_json::from_str(text).unwrap();
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
