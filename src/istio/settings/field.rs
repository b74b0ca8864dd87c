//! The fields that settings come from: where in a block each stands, if it says anything.

use crate::istio::problem::Position;
use crate::istio::resource::{
    ConnectionPool, Http, Http2KeepAlive, OutlierDetection, RetryBudget, Spanned, Tcp, TcpKeepalive,
};

/// A field of a block: its path there, and its place if it says anything.
#[derive(Clone, Copy)]
pub(super) struct Field<B> {
    pub(super) path: &'static str,
    pub(super) at: fn(&B) -> Option<Position>,
}

fn place<T>(field: &Option<Spanned<T>>) -> Option<Position> {
    field.as_ref().map(|field| field.at)
}

/// 0 says nothing.
fn number<T: Copy + Default + PartialOrd>(field: Option<Spanned<T>>) -> Option<Position> {
    let said = field.filter(|field| field.value > T::default());
    said.map(|field| field.at)
}

/// False says nothing.
fn flag(field: Option<Spanned<bool>>) -> Option<Position> {
    field.filter(|field| field.value).map(|field| field.at)
}

fn tcp(pool: &ConnectionPool, at: fn(&Tcp) -> Option<Position>) -> Option<Position> {
    pool.tcp.as_ref().and_then(|tcp| at(tcp))
}

fn http(pool: &ConnectionPool, at: fn(&Http) -> Option<Position>) -> Option<Position> {
    pool.http.as_ref().and_then(|http| at(http))
}

fn keepalive(pool: &ConnectionPool, at: fn(&TcpKeepalive) -> Option<Position>) -> Option<Position> {
    let keepalive = pool.tcp.as_ref()?.tcp_keepalive.as_ref()?;
    at(keepalive)
}

fn pings(pool: &ConnectionPool, at: fn(&Http2KeepAlive) -> Option<Position>) -> Option<Position> {
    let pings = pool.http.as_ref()?.http2_keep_alive.as_ref()?;
    at(pings)
}

macro_rules! fields {
    ($block:ty: $($name:ident, $path:literal, $at:expr;)*) => {
        $(pub(super) const $name: Field<$block> = Field { path: $path, at: $at };)*
    };
}

fields! { ConnectionPool:
    MAX_CONNECTIONS, "tcp.maxConnections", |pool| tcp(pool, |it| number(it.max_connections));
    CONNECT_TIMEOUT, "tcp.connectTimeout", |pool| tcp(pool, |it| place(&it.connect_timeout));
    MAX_CONNECTION_DURATION, "tcp.maxConnectionDuration",
        |pool| tcp(pool, |it| place(&it.max_connection_duration));
    TCP_IDLE_TIMEOUT, "tcp.idleTimeout", |pool| tcp(pool, |it| place(&it.idle_timeout));
    POOL_PROBES, "tcp.tcpKeepalive.probes", |pool| keepalive(pool, |it| number(it.probes));
    POOL_TIME, "tcp.tcpKeepalive.time", |pool| keepalive(pool, |it| place(&it.time));
    POOL_INTERVAL, "tcp.tcpKeepalive.interval", |pool| keepalive(pool, |it| place(&it.interval));
    MAX_PENDING_REQUESTS, "http.http1MaxPendingRequests",
        |pool| http(pool, |it| number(it.http1_max_pending_requests));
    MAX_REQUESTS, "http.http2MaxRequests",
        |pool| http(pool, |it| number(it.http2_max_requests));
    MAX_REQUESTS_PER_CONNECTION, "http.maxRequestsPerConnection",
        |pool| http(pool, |it| number(it.max_requests_per_connection));
    MAX_RETRIES, "http.maxRetries", |pool| http(pool, |it| number(it.max_retries));
    HTTP_IDLE_TIMEOUT, "http.idleTimeout", |pool| http(pool, |it| place(&it.idle_timeout));
    H2_UPGRADE_POLICY, "http.h2UpgradePolicy",
        |pool| http(pool, |it| place(&it.h2_upgrade_policy));
    USE_CLIENT_PROTOCOL, "http.useClientProtocol",
        |pool| http(pool, |it| flag(it.use_client_protocol));
    MAX_CONCURRENT_STREAMS, "http.maxConcurrentStreams",
        |pool| http(pool, |it| number(it.max_concurrent_streams));
    PING_INTERVAL, "http.http2KeepAlive.interval", |pool| pings(pool, |it| place(&it.interval));
    PING_TIMEOUT, "http.http2KeepAlive.timeout", |pool| pings(pool, |it| place(&it.timeout));
}

fields! { TcpKeepalive:
    MESH_PROBES, "tcpKeepalive.probes", |it| number(it.probes);
    MESH_TIME, "tcpKeepalive.time", |it| place(&it.time);
    MESH_INTERVAL, "tcpKeepalive.interval", |it| place(&it.interval);
}

fields! { RetryBudget:
    PERCENT, "percent", |it| place(&it.percent);
    MIN_RETRY_CONCURRENCY, "minRetryConcurrency", |it| number(it.min_retry_concurrency);
    BUDGET_INTERVAL, "budgetInterval", |it| place(&it.budget_interval);
}

fields! { OutlierDetection:
    CONSECUTIVE_5XX, "consecutive5xxErrors", |it| place(&it.consecutive_5xx_errors);
    CONSECUTIVE_GATEWAY, "consecutiveGatewayErrors", |it| place(&it.consecutive_gateway_errors);
    INTERVAL, "interval", |it| place(&it.interval);
    BASE_EJECTION_TIME, "baseEjectionTime", |it| place(&it.base_ejection_time);
    MAX_EJECTION_PERCENT, "maxEjectionPercent", |it| number(it.max_ejection_percent);
    SPLIT, "splitExternalLocalOriginErrors",
        |it| flag(it.split_external_local_origin_errors);
    LOCAL_ORIGIN, "consecutiveLocalOriginFailures",
        |it| number(it.consecutive_local_origin_failures);
    MIN_HEALTH_PERCENT, "minHealthPercent", |it| place(&it.min_health_percent);
}
