//! What settings mean for the requests that a process sends: field by field what Istio gives Envoy.

use std::num::NonZeroU32;
use std::time::Duration;

use super::envoy::{self, Envoy, Thresholds};
use crate::limits::{Limits, RetryBudget, TcpKeepAlive};

/// The limits for the requests that a process sends.
pub(in crate::istio) fn outbound(envoy: &Envoy<'_>) -> Limits {
    let thresholds = &envoy.thresholds;
    let mut limits = of_connections(envoy);
    limits.max_connections = limited(thresholds.max_connections);
    limits.max_pending_requests = limited(thresholds.max_pending_requests);
    limits.max_requests = limited(thresholds.max_requests);
    limits.max_retries = limited(thresholds.max_retries);
    limits.retry_budget = thresholds.retry_budget.map(retry_budget);
    limits.connect_timeout = envoy.connect_timeout.and_then(|timeout| timeout.positive());
    limits.max_concurrent_streams = envoy.max_concurrent_streams.and_then(NonZeroU32::new);
    if let Some(pings) = envoy.http2_keepalive {
        limits.http2_keep_alive_interval = pings.interval.and_then(|it| it.positive());
        limits.http2_keep_alive_timeout = pings.timeout.and_then(|it| it.positive());
    }
    limits.tcp_keep_alive = envoy.tcp_keepalive.map(tcp_keep_alive);
    limits
}

/// The limits on each connection, which are the same in both directions.
pub(super) fn of_connections(envoy: &Envoy<'_>) -> Limits {
    let mut limits = Limits::new();
    if let Some(common) = envoy.http.and_then(|http| http.common) {
        let requests = common.max_requests_per_connection;
        limits.max_requests_per_connection = requests.and_then(NonZeroU32::new);
        limits.idle_timeout = common.idle_timeout.and_then(|idle| idle.positive());
        limits.max_connection_duration = common
            .max_connection_duration
            .and_then(|age| age.positive());
    }
    limits
}

/// A threshold, if it limits anything.
pub(super) fn limited(threshold: u32) -> Option<u32> {
    (threshold != Thresholds::UNLIMITED).then_some(threshold)
}

fn retry_budget(budget: envoy::RetryBudget) -> RetryBudget {
    RetryBudget::new()
        .percent(budget.budget_percent)
        .min_concurrency(budget.min_retry_concurrency)
}

fn tcp_keep_alive(keepalive: envoy::TcpKeepalive) -> TcpKeepAlive {
    let seconds = |time: u32| Duration::from_secs(time.into());
    TcpKeepAlive::new()
        .time(keepalive.time_s.map(seconds))
        .interval(keepalive.interval_s.map(seconds))
        .probes(keepalive.probes)
}
