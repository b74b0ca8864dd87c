//! `observations.json`: what a real Envoy was told, and what it was seen to do.

use std::collections::BTreeMap;
use std::time::Duration;

use meshpool::Limits;
use meshpool::limits::RetryBudget;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::fields::{self, Seen};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    #[serde(rename = "question")]
    _question: String,
    pub(crate) protocol: Protocol,
    /// Handshakes are held until a `connects` step.
    pub(crate) tls: bool,
    #[serde(rename = "hosts")]
    _hosts: u32,
    #[serde(rename = "workers")]
    _workers: u32,
    pub(crate) settings: Settings,
    pub(crate) route: Route,
    #[serde(rename = "identical_across_runs")]
    _identical_across_runs: bool,
    pub(crate) steps: Vec<Step>,
    outcome: Value,
    served_order: Value,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    H1,
    H2,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    #[serde(rename = "do")]
    pub(crate) action: Do,
    /// What was seen, by field.
    #[serde(flatten)]
    seen: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Do {
    /// Clients send.
    Send {
        ids: Vec<String>,
        settle: Option<f64>,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        #[serde(rename = "method")]
        _method: Option<String>,
        #[serde(rename = "together")]
        _together: Option<bool>,
        #[serde(rename = "prefix")]
        _prefix: Option<String>,
    },
    /// The upstream answers, or ends it in another way.
    Release {
        ids: Vec<String>,
        how: Option<How>,
        status: Option<u16>,
        settle: Option<f64>,
        #[serde(rename = "headers")]
        _headers: Option<Value>,
        #[serde(rename = "together")]
        _together: Option<bool>,
    },
    /// Clients leave.
    Cancel {
        ids: Vec<String>,
        #[serde(rename = "rst")]
        _rst: Option<bool>,
    },
    /// Held handshakes finish or fail: the first `n`, or with `action: open` all, and those to
    /// come.
    Connects {
        n: Option<usize>,
        how: Option<How>,
        action: Option<String>,
    },
    Wait {
        ms: u64,
    },
    /// Other settings come from the control plane.
    Set {
        settings: Settings,
        #[serde(default)]
        remove: bool,
    },
    /// A limit is changed in place.
    Runtime {
        set: BTreeMap<String, u32>,
    },
    /// The upstream begins to listen.
    Listen {},
    Goaway {
        conns: Vec<u64>,
    },
    Admin {
        #[serde(rename = "get")]
        _get: String,
        #[serde(rename = "grep")]
        _grep: String,
    },
    /// Clients send one request after another, at once.
    Flood {
        clients: usize,
        ms: u64,
    },
    /// Bursts of requests, each answered before the next.
    Rounds {
        rounds: u32,
        burst: u32,
    },
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    Close,
    Rst,
    Refused,
    OkThenClose,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(rename = "connectionPool")]
    pool: Pool,
    #[serde(rename = "retryBudget")]
    retry_budget: Option<Budget>,
    /// What was put into Envoy past Istio, where 0 is not unset.
    envoy_thresholds: Thresholds,
    #[serde(rename = "no_circuit_breakers")]
    _no_circuit_breakers: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Pool {
    tcp: Tcp,
    http: Http,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Tcp {
    max_connections: u32,
    connect_timeout: Option<String>,
    max_connection_duration: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Http {
    http1_max_pending_requests: u32,
    http2_max_requests: u32,
    max_requests_per_connection: u32,
    max_concurrent_streams: u32,
    idle_timeout: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Budget {
    percent: f64,
    min_retry_concurrency: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            percent: 20.0,
            min_retry_concurrency: 3,
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Thresholds {
    max_connections: Option<u32>,
    max_pending_requests: Option<u32>,
    max_requests: Option<u32>,
    #[serde(rename = "track_remaining")]
    _track_remaining: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Route {
    route_timeout: Option<String>,
    retry_policy: Retries,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Retries {
    retry_on: String,
    num_retries: u32,
    per_try_timeout: Option<String>,
    #[serde(rename = "retry_back_off")]
    _back_off: Value,
}

impl Settings {
    pub(crate) fn limits(&self) -> Limits {
        // In a rule, 0 is unset.
        let set = |value: u32| (value > 0).then_some(value);
        let Pool { tcp, http } = &self.pool;
        let raw = &self.envoy_thresholds;
        let budget = self.retry_budget.as_ref().map(|budget| {
            RetryBudget::new()
                .percent(budget.percent)
                .min_concurrency(budget.min_retry_concurrency)
        });
        Limits::new()
            .max_connections(raw.max_connections.or(set(tcp.max_connections)))
            .max_pending_requests(
                raw.max_pending_requests
                    .or(set(http.http1_max_pending_requests)),
            )
            .max_requests(raw.max_requests.or(set(http.http2_max_requests)))
            .max_requests_per_connection(set(http.max_requests_per_connection))
            .max_concurrent_streams(set(http.max_concurrent_streams))
            .connect_timeout(tcp.connect_timeout.as_deref().map(seconds))
            .max_connection_duration(tcp.max_connection_duration.as_deref().map(seconds))
            .idle_timeout(http.idle_timeout.as_deref().map(seconds))
            .retry_budget(budget)
    }
}

impl Route {
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.route_timeout.as_deref().map(seconds)
    }

    pub(crate) fn per_try_timeout(&self) -> Option<Duration> {
        self.retry_policy.per_try_timeout.as_deref().map(seconds)
    }

    pub(crate) fn retries(&self) -> u32 {
        self.retry_policy.num_retries
    }

    /// Whether there is a policy that retries anything.
    pub(crate) fn retries_on(&self, condition: &str) -> bool {
        let mut conditions = self.retry_policy.retry_on.split(',');
        conditions.any(|each| each == condition)
    }
}

/// Reads Istio's `0.25s`.
fn seconds(text: &str) -> Duration {
    let number = text.strip_suffix('s').unwrap();
    Duration::from_secs_f64(number.parse().unwrap())
}

impl Scenario {
    /// All that was seen, in the form in which it is compared.
    pub(crate) fn seen(&self) -> Seen {
        let steps: Vec<_> = self.steps.iter().map(|step| step.seen.clone()).collect();
        fields::seen(&steps, self.outcome.clone(), self.served_order.clone())
    }
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    serde_json::from_str(include_str!("observations.json")).unwrap()
}
