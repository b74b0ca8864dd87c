//! `connectionPool`, all of it.

use super::duration::duration;
use super::fields::Fields;
use super::value::{Value, boolean, int32, one_of, uint32};
use crate::istio::problem::Report;
use crate::istio::rule::{
    ConnectionPool, H2UpgradePolicy, Http, Http2KeepAlive, Spanned, Tcp, TcpKeepalive,
};

const H2_UPGRADE_POLICIES: &[(&str, H2UpgradePolicy)] = &[
    ("DEFAULT", H2UpgradePolicy::Default),
    ("DO_NOT_UPGRADE", H2UpgradePolicy::DoNotUpgrade),
    ("UPGRADE", H2UpgradePolicy::Upgrade),
];

pub(super) fn connection_pool(value: Value<'_>, report: &mut Report) -> Option<ConnectionPool> {
    let mut fields = Fields::open(value, report)?;
    let pool = ConnectionPool {
        at: value.at(),
        tcp: fields.get("tcp", report, tcp),
        http: fields.get("http", report, http),
    };
    fields.close(report);
    Some(pool)
}

fn tcp(value: Value<'_>, report: &mut Report) -> Option<Tcp> {
    let mut fields = Fields::open(value, report)?;
    let tcp = Tcp {
        max_connections: fields.get("maxConnections", report, int32),
        connect_timeout: fields.get("connectTimeout", report, duration),
        tcp_keepalive: fields.get("tcpKeepalive", report, tcp_keepalive),
        max_connection_duration: fields.get("maxConnectionDuration", report, duration),
        idle_timeout: fields.get("idleTimeout", report, duration),
    };
    fields.close(report);
    Some(tcp)
}

fn tcp_keepalive(value: Value<'_>, report: &mut Report) -> Option<Spanned<TcpKeepalive>> {
    let mut fields = Fields::open(value, report)?;
    fields.get("probes", report, uint32);
    let keepalive = TcpKeepalive {
        time: fields.get("time", report, duration),
        interval: fields.get("interval", report, duration),
    };
    fields.close(report);
    Some(Spanned {
        value: keepalive,
        at: value.at(),
    })
}

fn http(value: Value<'_>, report: &mut Report) -> Option<Http> {
    let mut fields = Fields::open(value, report)?;
    let http = Http {
        http1_max_pending_requests: fields.get("http1MaxPendingRequests", report, int32),
        http2_max_requests: fields.get("http2MaxRequests", report, int32),
        max_requests_per_connection: fields.get("maxRequestsPerConnection", report, int32),
        max_retries: fields.get("maxRetries", report, int32),
        idle_timeout: fields.get("idleTimeout", report, duration),
        h2_upgrade_policy: fields.get("h2UpgradePolicy", report, one_of(H2_UPGRADE_POLICIES)),
        use_client_protocol: fields.get("useClientProtocol", report, boolean),
        max_concurrent_streams: fields.get("maxConcurrentStreams", report, int32),
        http2_keep_alive: fields.get("http2KeepAlive", report, http2_keep_alive),
    };
    fields.close(report);
    Some(http)
}

fn http2_keep_alive(value: Value<'_>, report: &mut Report) -> Option<Spanned<Http2KeepAlive>> {
    let mut fields = Fields::open(value, report)?;
    let keepalive = Http2KeepAlive {
        interval: fields.get("interval", report, duration),
        timeout: fields.get("timeout", report, duration),
    };
    fields.close(report);
    Some(Spanned {
        value: keepalive,
        at: value.at(),
    })
}
