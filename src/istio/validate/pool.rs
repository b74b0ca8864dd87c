//! `connectionPool`: numbers that are not negative, durations of whole milliseconds, and fields
//! that need or exclude each other.

use super::missing;
use crate::istio::path::Path;
use crate::istio::problem::Report;
use crate::istio::resource::{
    ConnectionPool, GoDuration, H2UpgradePolicy, Http, Http2KeepAlive, Spanned, Tcp,
};

pub(super) fn connection_pool(
    pool: &Spanned<ConnectionPool>,
    path: &Path<'_>,
    report: &mut Report,
) {
    pool_of_mesh(pool, path, report);
    let keepalive = pool
        .http
        .as_ref()
        .and_then(|http| http.http2_keep_alive.as_ref());
    if let Some(keepalive) = keepalive {
        http2_keep_alive(
            keepalive,
            &path.field("http").field("http2KeepAlive"),
            report,
        );
    }
}

/// Of the mesh's baseline Istio checks all but `http2KeepAlive`.
pub(super) fn pool_of_mesh(pool: &Spanned<ConnectionPool>, path: &Path<'_>, report: &mut Report) {
    if pool.tcp.is_none() && pool.http.is_none() && !report.has_error_under(path) {
        report.error(
            pool.at,
            path,
            "an empty connectionPool: expected tcp, http, or both",
        );
    }
    if let Some(settings) = &pool.tcp {
        tcp(settings, &path.field("tcp"), report);
    }
    if let Some(settings) = &pool.http {
        http(settings, &path.field("http"), report);
    }
}

fn tcp(tcp: &Tcp, path: &Path<'_>, report: &mut Report) {
    count(&tcp.max_connections, &path.field("maxConnections"), report);
    milliseconds(&tcp.connect_timeout, &path.field("connectTimeout"), report);
    milliseconds(
        &tcp.max_connection_duration,
        &path.field("maxConnectionDuration"),
        report,
    );
    idle_timeout(&tcp.idle_timeout, &path.field("idleTimeout"), report);
    if let Some(keepalive) = &tcp.tcp_keepalive {
        let path = path.field("tcpKeepalive");
        milliseconds(&keepalive.value.time, &path.field("time"), report);
        milliseconds(&keepalive.value.interval, &path.field("interval"), report);
    }
}

fn http(http: &Http, path: &Path<'_>, report: &mut Report) {
    for (name, value) in [
        ("http1MaxPendingRequests", &http.http1_max_pending_requests),
        ("http2MaxRequests", &http.http2_max_requests),
        (
            "maxRequestsPerConnection",
            &http.max_requests_per_connection,
        ),
        ("maxRetries", &http.max_retries),
        ("maxConcurrentStreams", &http.max_concurrent_streams),
    ] {
        count(value, &path.field(name), report);
    }
    milliseconds(&http.idle_timeout, &path.field("idleTimeout"), report);
    let upgrades = http
        .h2_upgrade_policy
        .is_some_and(|policy| policy.value == H2UpgradePolicy::Upgrade);
    if let Some(Spanned { value: true, at }) = http.use_client_protocol {
        if upgrades {
            report.error(
                at,
                &path.field("useClientProtocol"),
                "true excludes h2UpgradePolicy: UPGRADE: remove one",
            );
        }
    }
}

fn http2_keep_alive(keepalive: &Spanned<Http2KeepAlive>, path: &Path<'_>, report: &mut Report) {
    for (name, value) in [
        ("interval", &keepalive.value.interval),
        ("timeout", &keepalive.value.timeout),
    ] {
        let path = path.field(name);
        if value.is_none() {
            missing(
                keepalive.at,
                &path,
                "http2KeepAlive needs interval and timeout",
                report,
            );
        }
        milliseconds(value, &path, report);
    }
}

fn count(value: &Option<Spanned<i32>>, path: &Path<'_>, report: &mut Report) {
    if let Some(Spanned { value, at }) = value {
        if *value < 0 {
            report.error(
                *at,
                path,
                format_args!("{value} is negative: expected 0 (unlimited) or more"),
            );
        }
    }
}

pub(super) fn milliseconds(
    value: &Option<Spanned<GoDuration>>,
    path: &Path<'_>,
    report: &mut Report,
) {
    let Some(Spanned { value, at }) = *value else {
        return;
    };
    if let Some(fault) = fault(value) {
        report.error(at, path, fault);
    }
}

/// What is wrong with a duration, if it is no number of whole milliseconds from one on.
pub(super) fn fault(value: GoDuration) -> Option<String> {
    if value < GoDuration::MILLISECOND {
        Some(format!("{value} is too short: expected 1ms or more"))
    } else if !value.is_whole_milliseconds() {
        Some(format!(
            "{value} is finer than whole milliseconds: round it"
        ))
    } else {
        None
    }
}

/// `tcp.idleTimeout` may be `0s`, which switches it off, and Istio takes for `0s` whatever has no
/// whole millisecond.
fn idle_timeout(value: &Option<Spanned<GoDuration>>, path: &Path<'_>, report: &mut Report) {
    match *value {
        Some(Spanned { value, at }) if value.whole_milliseconds() == 0 => {
            if value.0 != 0 {
                report.warning(
                    at,
                    path,
                    format_args!(
                        "{value} passes in Istio and is shorter than the 1ms that every other \
                         duration needs: write 0s to switch the timeout off"
                    ),
                );
            }
        }
        _ => milliseconds(value, path, report),
    }
}
