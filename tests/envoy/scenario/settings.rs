//! The settings under which a scenario is played: Istio's words, and a few of Envoy's own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a DestinationRule says, and in a few scenarios what no rule can say to an Envoy.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(rename = "connectionPool", skip_serializing_if = "Option::is_none")]
    pub(crate) connection_pool: Option<ConnectionPool>,
    #[serde(rename = "retryBudget", skip_serializing_if = "Option::is_none")]
    pub(crate) retry_budget: Option<RetryBudget>,
    /// A cluster without a `circuit_breakers` block, which Istio never makes.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) no_circuit_breakers: bool,
    /// Put into Envoy's thresholds past Istio, for whom 0 is unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) envoy_thresholds: Option<Thresholds>,
}

impl Settings {
    /// What a rule has to say for the limit that each of these runtime keys changes.
    ///
    /// # Panics
    /// On a key that stands for no limit.
    pub(crate) fn changed(&self, keys: &BTreeMap<String, u32>) -> Self {
        let mut changed = self.clone();
        let pool = changed.connection_pool.get_or_insert_default();
        for (key, value) in keys {
            let limit = match key.strip_prefix("circuit_breakers.up.default.") {
                Some("max_connections") => &mut pool.tcp.max_connections,
                Some("max_pending_requests") => &mut pool.http.max_pending_requests,
                Some("max_requests") => &mut pool.http.max_requests,
                Some("max_retries") => &mut pool.http.max_retries,
                _ => panic!("no limit has the runtime key {key}"),
            };
            *limit = Some(*value);
        }
        changed
    }
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConnectionPool {
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) tcp: Tcp,
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) http: Http,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Tcp {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_connections: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connect_timeout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_connection_duration: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Http {
    #[serde(
        rename = "http1MaxPendingRequests",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) max_pending_requests: Option<u32>,
    #[serde(rename = "http2MaxRequests", skip_serializing_if = "Option::is_none")]
    pub(crate) max_requests: Option<u32>,
    #[serde(
        rename = "maxRequestsPerConnection",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) max_requests_per_connection: Option<u32>,
    #[serde(rename = "maxRetries", skip_serializing_if = "Option::is_none")]
    pub(crate) max_retries: Option<u32>,
    #[serde(
        rename = "maxConcurrentStreams",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) max_concurrent_streams: Option<u32>,
    #[serde(rename = "idleTimeout", skip_serializing_if = "Option::is_none")]
    pub(crate) idle_timeout: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RetryBudget {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) percent: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_retry_concurrency: Option<u32>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thresholds {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_connections: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_pending_requests: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_requests: Option<u32>,
    /// `null` leaves it out; Istio always sets it.
    #[serde(default = "tracked")]
    pub(crate) track_remaining: Option<bool>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            max_connections: None,
            max_pending_requests: None,
            max_requests: None,
            track_remaining: tracked(),
        }
    }
}

fn tracked() -> Option<bool> {
    Some(true)
}

/// What the route before the cluster adds.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Route {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_policy: Option<RetryPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) route_timeout: Option<String>,
}

/// As Envoy spells it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryPolicy {
    pub(crate) retry_on: String,
    pub(crate) num_retries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_back_off: Option<BackOff>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) per_try_timeout: Option<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackOff {
    pub(crate) base_interval: String,
    pub(crate) max_interval: String,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
