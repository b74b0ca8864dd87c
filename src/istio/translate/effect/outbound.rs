//! Of the requests that a process sends.

use super::{note, place, zero};
use crate::istio::path::Path;
use crate::istio::problem::Report;
use crate::istio::resource::{ConnectionPool, Spanned, TrafficPolicy};

const OF_CONNECTOR: &str = "accepted and not applied: it is set on the connector, in code";
const OF_CLIENT: &str = "accepted and not applied: it is set on the client, in code";
const LOST: &str = "without effect: Istio loses it where useClientProtocol is true";
const NO_HISTORY: &str =
    "without effect: the budget is a share of the requests under way at the moment";

pub(super) fn report(policy: &TrafficPolicy, path: &Path<'_>, report: &mut Report) {
    if let Some(pool) = &policy.connection_pool {
        inside(pool, &path.field("connectionPool"), report);
    }
    let Some(budget) = &policy.retry_budget else {
        return;
    };
    let interval = [("budgetInterval", place(&budget.value.budget_interval))];
    note(&interval, NO_HISTORY, &path.field("retryBudget"), report);
    let http = policy
        .connection_pool
        .as_ref()
        .and_then(|pool| pool.http.as_ref());
    if let Some(retries) = http.and_then(|http| http.max_retries) {
        report.notice(
            retries.at,
            &path
                .field("connectionPool")
                .field("http")
                .field("maxRetries"),
            "without effect: retryBudget takes its place",
        );
    }
}

fn inside(pool: &ConnectionPool, path: &Path<'_>, report: &mut Report) {
    if let Some(tcp) = &pool.tcp {
        let path = path.field("tcp");
        let keepalive = [("tcpKeepalive", place(&tcp.tcp_keepalive))];
        note(&keepalive, OF_CONNECTOR, &path, report);
        zero(tcp.max_connections, &path.field("maxConnections"), report);
    }
    if let Some(http) = &pool.http {
        let path = path.field("http");
        let fields = [
            ("h2UpgradePolicy", place(&http.h2_upgrade_policy)),
            ("useClientProtocol", place(&http.use_client_protocol)),
        ];
        note(&fields, OF_CLIENT, &path, report);
        if let Some(Spanned { value: true, .. }) = http.use_client_protocol {
            let lost = [
                ("maxConcurrentStreams", place(&http.max_concurrent_streams)),
                ("http2KeepAlive", place(&http.http2_keep_alive)),
            ];
            note(&lost, LOST, &path, report);
        }
        for (name, value) in [
            ("http1MaxPendingRequests", http.http1_max_pending_requests),
            ("http2MaxRequests", http.http2_max_requests),
            ("maxRequestsPerConnection", http.max_requests_per_connection),
            ("maxRetries", http.max_retries),
            ("maxConcurrentStreams", http.max_concurrent_streams),
        ] {
            zero(value, &path.field(name), report);
        }
    }
}
