//! What a rule means for the requests that a process sends: field by field what Istio gives Envoy.

use std::num::NonZeroU32;

use super::{idle_timeout, positive, set, set_per_connection};
use crate::istio::resource::{self, ConnectionPool, Http, Spanned, TrafficPolicy};
use crate::limits::{Limits, RetryBudget};

/// The limits of a policy for the requests that a process sends.
pub(super) fn outbound(policy: &TrafficPolicy) -> Limits {
    let mut limits = Limits::new();
    if let Some(pool) = &policy.connection_pool {
        limit_pool(pool, &mut limits);
    }
    limits.retry_budget = policy
        .retry_budget
        .as_ref()
        .map(|budget| retry_budget(&budget.value));
    limits
}

fn limit_pool(pool: &ConnectionPool, limits: &mut Limits) {
    limits.max_requests_per_connection = set_per_connection(pool);
    limits.idle_timeout = idle_timeout(pool);
    if let Some(tcp) = &pool.tcp {
        limits.max_connections = set(tcp.max_connections);
        limits.connect_timeout = positive(tcp.connect_timeout);
        limits.max_connection_duration = positive(tcp.max_connection_duration);
    }
    if let Some(http) = &pool.http {
        limits.max_requests = set(http.http2_max_requests);
        limits.max_pending_requests = set(http.http1_max_pending_requests);
        limits.max_retries = set(http.max_retries);
        limits.max_concurrent_streams = streams(http).and_then(NonZeroU32::new);
    }
}

/// Istio loses them where the client's protocol is used.
fn streams(http: &Http) -> Option<u32> {
    match http.use_client_protocol {
        Some(Spanned { value: true, .. }) => None,
        _ => set(http.max_concurrent_streams),
    }
}

/// A percentage of 0 is one, a minimum of 0 is unset: so it is in Istio.
fn retry_budget(budget: &resource::RetryBudget) -> RetryBudget {
    let mut limit = RetryBudget::new();
    if let Some(percent) = budget.percent {
        limit = limit.percent(percent.value);
    }
    match budget.min_retry_concurrency {
        Some(minimum) if minimum.value > 0 => limit.min_concurrency(minimum.value),
        _ => limit,
    }
}
