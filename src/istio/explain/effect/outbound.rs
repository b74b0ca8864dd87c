//! Of the requests that a process sends.

use super::{idle, keep_alive, one_request, place, zero};
use crate::istio::explain::notes::Notes;
use crate::istio::path::Path;
use crate::istio::resource::{ConnectionPool, Http, Spanned};
use crate::istio::settings::Settings;
use crate::istio::translate::set;

const OF_CLIENT: &str = "accepted and not applied: it is set on the client, in code";
const LOST: &str = "without effect: Istio loses it where useClientProtocol is true";
const OF_BUDGET: &str = "without effect: retryBudget takes its place";

/// Reports what a pool that holds does not do, and what its fields do to each other.
pub(super) fn inside(
    settings: &Settings<'_>,
    pool: &Spanned<ConnectionPool>,
    path: &Path<'_>,
    notes: &mut Notes,
) {
    if let Some(tcp) = &pool.tcp {
        let path = path.field("tcp");
        if let Some(keepalive) = &tcp.tcp_keepalive {
            keep_alive::fields(keepalive, &path.field("tcpKeepalive"), notes);
        }
        zero(tcp.max_connections, &path.field("maxConnections"), notes);
    }
    let http_path = path.field("http");
    if let Some(http) = &pool.http {
        in_http(settings, http, &http_path, notes);
    }
    queue(pool, &http_path, notes);
    one_request(settings, pool, &http_path, notes);
}

fn in_http(settings: &Settings<'_>, http: &Http, path: &Path<'_>, notes: &mut Notes) {
    let fields = [
        ("h2UpgradePolicy", place(&http.h2_upgrade_policy)),
        ("useClientProtocol", place(&http.use_client_protocol)),
    ];
    idle(&fields, OF_CLIENT, path, notes);
    if let Some(Spanned { value: true, .. }) = http.use_client_protocol {
        let lost = [
            ("maxConcurrentStreams", place(&http.max_concurrent_streams)),
            ("http2KeepAlive", place(&http.http2_keep_alive)),
        ];
        idle(&lost, LOST, path, notes);
    }
    if settings.envoy.thresholds.retry_budget.is_some() {
        let retries = [("maxRetries", place(&http.max_retries))];
        idle(&retries, OF_BUDGET, path, notes);
    }
    for (name, value) in [
        ("http1MaxPendingRequests", http.http1_max_pending_requests),
        ("http2MaxRequests", http.http2_max_requests),
        ("maxRequestsPerConnection", http.max_requests_per_connection),
        ("maxRetries", http.max_retries),
        ("maxConcurrentStreams", http.max_concurrent_streams),
    ] {
        zero(value, &path.field(name), notes);
    }
}

/// Requests wait for connections; without a bound they do so in any number.
fn queue(pool: &Spanned<ConnectionPool>, path: &Path<'_>, notes: &mut Notes) {
    let tcp = pool.tcp.as_ref();
    let http = pool.http.as_ref();
    let connections = tcp.and_then(|tcp| set(tcp.max_connections));
    let pending = http.and_then(|http| set(http.http1_max_pending_requests));
    if let (Some(connections), None) = (connections, pending) {
        notes.lint(
            pool.at,
            &path.field("http1MaxPendingRequests"),
            format_args!(
                "unset: any number of requests may wait for {connections} connections; set a bound"
            ),
        );
    }
}
