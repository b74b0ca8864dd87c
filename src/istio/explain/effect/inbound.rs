//! Of the requests that a process serves.

use super::{OF_CLIENTS, idle, one_request, place, zero};
use crate::istio::explain::notes::Notes;
use crate::istio::path::Path;
use crate::istio::resource::{ConnectionPool, Http, Spanned, Tcp};
use crate::istio::settings::Settings;
use crate::istio::translate::{InboundNumbers, OnFull, Protocol, set};

/// Reports what a pool that holds does not do, and what its fields do to each other.
pub(super) fn inside(
    settings: &Settings<'_>,
    on_full: OnFull,
    pool: &Spanned<ConnectionPool>,
    path: &Path<'_>,
    notes: &mut Notes,
) {
    let http_path = path.field("http");
    if let Some(tcp) = &pool.tcp {
        let path = path.field("tcp");
        let fields = [
            ("connectTimeout", place(&tcp.connect_timeout)),
            ("tcpKeepalive", place(&tcp.tcp_keepalive)),
        ];
        idle(&fields, OF_CLIENTS, &path, notes);
        connections(tcp, settings.protocol, &path, notes);
    }
    if let Some(http) = &pool.http {
        let fields = [
            ("maxRetries", place(&http.max_retries)),
            ("h2UpgradePolicy", place(&http.h2_upgrade_policy)),
            ("useClientProtocol", place(&http.use_client_protocol)),
            ("maxConcurrentStreams", place(&http.max_concurrent_streams)),
            ("http2KeepAlive", place(&http.http2_keep_alive)),
        ];
        idle(&fields, OF_CLIENTS, &http_path, notes);
        requests(http, &http_path, notes);
    }
    let numbers = InboundNumbers::of(&settings.envoy.thresholds, settings.protocol);
    looser(pool, numbers, path, notes);
    queue(pool, numbers, on_full, &http_path, notes);
    one_request(settings, pool, &http_path, notes);
}

fn connections(tcp: &Tcp, protocol: Protocol, path: &Path<'_>, notes: &mut Notes) {
    zero(tcp.max_connections, &path.field("maxConnections"), notes);
    if let (Some(_), true) = (set(tcp.max_connections), protocol.is_http2()) {
        idle(
            &[("maxConnections", place(&tcp.max_connections))],
            "without effect: on HTTP/2 a connection carries many requests",
            path,
            notes,
        );
    }
}

fn requests(http: &Http, path: &Path<'_>, notes: &mut Notes) {
    for (name, value) in [
        ("http1MaxPendingRequests", http.http1_max_pending_requests),
        ("http2MaxRequests", http.http2_max_requests),
        ("maxRequestsPerConnection", http.max_requests_per_connection),
    ] {
        zero(value, &path.field(name), notes);
    }
}

/// Of two limits on the same thing the tighter one holds.
fn looser(pool: &ConnectionPool, numbers: InboundNumbers, path: &Path<'_>, notes: &mut Notes) {
    let (Some(slots), Some(_), Some(_)) = (
        numbers.slots(),
        numbers.max_connections,
        numbers.max_requests,
    ) else {
        return;
    };
    let (tcp, http) = (path.field("tcp"), path.field("http"));
    let of_tcp = pool.tcp.as_ref().and_then(|tcp| tcp.max_connections);
    let of_http = pool.http.as_ref().and_then(|http| http.http2_max_requests);
    let (tighter, looser, path) = match numbers.requests_are_tighter() {
        true => ("http2MaxRequests", of_tcp, tcp.field("maxConnections")),
        false => ("maxConnections", of_http, http.field("http2MaxRequests")),
    };
    if let Some(looser) = looser {
        let why = format_args!("without effect: {tighter} ({slots}) is met first");
        notes.idle(looser.at, &path, why);
    }
}

fn queue(
    pool: &Spanned<ConnectionPool>,
    numbers: InboundNumbers,
    on_full: OnFull,
    path: &Path<'_>,
    notes: &mut Notes,
) {
    let http = pool.http.as_ref();
    let pending = http.and_then(|http| http.http1_max_pending_requests);
    let pending_path = path.field("http1MaxPendingRequests");
    match (numbers.slots(), numbers.max_pending, pending) {
        (None, Some(_), Some(pending)) => notes.idle_unexpectedly(
            pending.at,
            &pending_path,
            "without effect: no limit on requests is set, so none ever waits",
        ),
        (Some(slots), Some(_), Some(pending))
            if on_full == OnFull::Refuse && numbers.requests_are_tighter() =>
        {
            notes.idle_unexpectedly(
                pending.at,
                &pending_path,
                format_args!(
                    "without effect: http2MaxRequests ({slots}) is met before any limit on \
                     connections, and then Envoy refuses at once; choose *wait* to let requests \
                     wait, or set maxConnections to {slots} or less"
                ),
            );
        }
        (Some(slots), None, _) if numbers.places(on_full).is_none() => notes.lint(
            pool.at,
            &pending_path,
            format_args!(
                "unset: any number of requests may wait for the {slots} that run; set a bound"
            ),
        ),
        _ => {}
    }
}
