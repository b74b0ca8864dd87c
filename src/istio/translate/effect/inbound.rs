//! Of the requests that a process serves.

use super::{note, place, zero};
use crate::istio::path::Path;
use crate::istio::problem::Report;
use crate::istio::resource::{ConnectionPool, Http, Spanned, Tcp, TrafficPolicy};
use crate::istio::translate::inbound::Numbers;
use crate::istio::translate::{OnFull, Protocol, Thresholds, set};

const OF_CLIENTS: &str = "without effect: it concerns the client's side of a connection, and here \
                          the rule limits the requests that are served";

pub(super) fn report(
    policy: &TrafficPolicy,
    on_full: OnFull,
    protocol: Protocol,
    path: &Path<'_>,
    report: &mut Report,
) {
    let budget = [("retryBudget", place(&policy.retry_budget))];
    note(&budget, OF_CLIENTS, path, report);
    let path = path.field("connectionPool");
    if let Some(pool) = &policy.connection_pool {
        inside(pool, &path, report);
        combinations(pool, on_full, protocol, &path, report);
    }
}

fn inside(pool: &ConnectionPool, path: &Path<'_>, report: &mut Report) {
    if let Some(tcp) = &pool.tcp {
        let fields = [
            ("connectTimeout", place(&tcp.connect_timeout)),
            ("tcpKeepalive", place(&tcp.tcp_keepalive)),
        ];
        note(&fields, OF_CLIENTS, &path.field("tcp"), report);
    }
    if let Some(http) = &pool.http {
        let fields = [
            ("maxRetries", place(&http.max_retries)),
            ("h2UpgradePolicy", place(&http.h2_upgrade_policy)),
            ("useClientProtocol", place(&http.use_client_protocol)),
            ("maxConcurrentStreams", place(&http.max_concurrent_streams)),
            ("http2KeepAlive", place(&http.http2_keep_alive)),
        ];
        note(&fields, OF_CLIENTS, &path.field("http"), report);
    }
}

/// What fields do to each other.
fn combinations(
    pool: &Spanned<ConnectionPool>,
    on_full: OnFull,
    protocol: Protocol,
    path: &Path<'_>,
    report: &mut Report,
) {
    let http_path = path.field("http");
    if let Some(tcp) = &pool.tcp {
        connections(tcp, protocol, &path.field("tcp"), report);
    }
    if let Some(http) = &pool.http {
        requests(http, &http_path, report);
    }
    queue(pool, on_full, protocol, &http_path, report);
}

fn connections(tcp: &Tcp, protocol: Protocol, path: &Path<'_>, report: &mut Report) {
    zero(tcp.max_connections, &path.field("maxConnections"), report);
    if let (Some(_), true) = (set(tcp.max_connections), protocol.is_http2()) {
        note(
            &[("maxConnections", place(&tcp.max_connections))],
            "without effect: on HTTP/2 a connection carries many requests",
            path,
            report,
        );
    }
}

fn requests(http: &Http, path: &Path<'_>, report: &mut Report) {
    for (name, value) in [
        ("http1MaxPendingRequests", http.http1_max_pending_requests),
        ("http2MaxRequests", http.http2_max_requests),
        ("maxRequestsPerConnection", http.max_requests_per_connection),
    ] {
        zero(value, &path.field(name), report);
    }
}

fn queue(
    pool: &Spanned<ConnectionPool>,
    on_full: OnFull,
    protocol: Protocol,
    path: &Path<'_>,
    report: &mut Report,
) {
    let numbers = Numbers::of(&Thresholds::new(Some(pool), None), protocol);
    let pending = pool
        .http
        .as_ref()
        .and_then(|http| http.http1_max_pending_requests);
    let pending_path = path.field("http1MaxPendingRequests");
    match (numbers.slots(), numbers.max_pending, pending) {
        (None, Some(_), Some(pending)) => report.warning(
            pending.at,
            &pending_path,
            "without effect: no limit on requests is set, so none ever waits",
        ),
        (Some(slots), Some(_), Some(pending))
            if on_full == OnFull::Refuse && numbers.requests_are_tighter() =>
        {
            report.warning(
                pending.at,
                &pending_path,
                format_args!(
                    "without effect: http2MaxRequests ({slots}) is met before any limit on \
                     connections, and then Envoy refuses at once; choose *wait* to let requests \
                     wait, or set maxConnections to {slots} or less"
                ),
            );
        }
        (Some(slots), None, _) if numbers.places(on_full).is_none() => report.warning(
            pool.at,
            &pending_path,
            format_args!(
                "unset: any number of requests may wait for the {slots} that run; set a bound"
            ),
        ),
        _ => {}
    }
}
