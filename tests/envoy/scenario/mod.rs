//! A scenario: what is done step by step, and what was seen. Read from `observations.json`, written
//! by the recorder, printed where two proxies differ; one shape for all three.

mod action;
mod settings;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use self::action::*;
pub(crate) use self::settings::*;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) question: String,
    pub(crate) protocol: Protocol,
    /// The upstream speaks TLS, and holds each handshake until a step lets it go on.
    pub(crate) tls: bool,
    pub(crate) hosts: u32,
    pub(crate) workers: u32,
    pub(crate) settings: Settings,
    pub(crate) route: Route,
    pub(crate) identical_across_runs: bool,
    pub(crate) steps: Vec<Step>,
    #[serde(default)]
    pub(crate) outcome: BTreeMap<String, Outcome>,
    #[serde(default)]
    pub(crate) served_order: Vec<String>,
    /// What `observations.json` leaves to the scenario's name.
    #[serde(default)]
    pub(crate) upstream: UpstreamSettings,
}

/// What the proxy speaks to the upstream.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    H1,
    H2,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct UpstreamSettings {
    /// Nothing listens until a step says so.
    pub(crate) down: bool,
    /// Its first SETTINGS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_concurrent_streams: Option<u32>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    #[serde(rename = "do")]
    pub(crate) action: Action,
    /// Request, connection, and how many requests that had carried with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) attached: Vec<(String, u32, u32)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) opened: Vec<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) closed: Vec<(u32, By)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) responses: Vec<(String, u16)>,
    /// Requests that the upstream held and that ended without an answer of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) aborted: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) active: u64,
    #[serde(default)]
    pub(crate) pending: u64,
    #[serde(default)]
    pub(crate) cx: u64,
    /// Counters that changed, without their `upstream_`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) delta: BTreeMap<String, i64>,
    /// Gauges of the circuit breakers: those open, and what remains of each limit that is set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) cb: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) admin: Option<Page>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) flood_result: Option<FloodResult>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rounds_result: Option<RoundsResult>,
}

/// Who ended a connection. Whichever proxy is driven, it is called `envoy`, as in the data.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) enum By {
    #[serde(rename = "envoy")]
    Proxy,
    #[serde(rename = "upstream")]
    Upstream,
}

/// What became of a request.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    pub(crate) outcome: Fate,
    pub(crate) status: Option<u16>,
    /// It was neither attached nor answered at the end of the step in which it was sent.
    pub(crate) queued: bool,
    /// The proxy's access log, in Envoy's response flags.
    pub(crate) flags: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fate {
    /// The upstream met it, and the client got a 200.
    Served,
    /// The upstream met it, and the client got something else.
    Failed,
    /// The upstream never met it.
    Rejected,
    CancelledByClient,
    InFlightWhenScenarioEnded,
}

/// The lines of an admin page that were asked for.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    pub(crate) get: String,
    pub(crate) lines: Vec<String>,
}

/// How many answers of each kind a flood got.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FloodResult {
    pub(crate) clients: u32,
    pub(crate) ms: u64,
    pub(crate) statuses: BTreeMap<String, u64>,
    pub(crate) bodies: BTreeMap<String, u64>,
    pub(crate) upstream_conns_so_far: u32,
}

/// How many rounds had how many requests at the upstream at once, and served.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoundsResult {
    pub(crate) rounds: u32,
    pub(crate) burst: u32,
    pub(crate) max_concurrent_at_upstream_histogram: BTreeMap<String, u32>,
    pub(crate) ok_per_round_histogram: BTreeMap<String, u32>,
    /// Envoy's alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) per_worker_downstream_cx: BTreeMap<String, u32>,
}
