//! Options of HTTP connections.

use crate::istio::resource::{self, ConnectionPool, GoDuration, H2UpgradePolicy, Http, Spanned};
use crate::istio::translate::Protocol;

/// Envoy's `HttpProtocolOptions` of a cluster, which has some if anything is said of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpProtocolOptions {
    /// What is common to HTTP/1 and HTTP/2, if any of it is set.
    pub common: Option<CommonHttpOptions>,
    /// What connections speak.
    pub upstream_protocol: UpstreamProtocol,
    /// `http.maxConcurrentStreams`, where connections are HTTP/2.
    pub h2_max_concurrent_streams: Option<u32>,
    /// `http.http2KeepAlive`, where connections are HTTP/2.
    pub h2_keepalive: Option<Http2Keepalive>,
}

/// The part of the options that HTTP/1 and HTTP/2 have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommonHttpOptions {
    /// `http.idleTimeout`, else `tcp.idleTimeout`. Zero is no timeout, and none is Envoy's
    /// default of an hour.
    pub idle_timeout: Option<GoDuration>,
    /// `tcp.maxConnectionDuration`.
    pub max_connection_duration: Option<GoDuration>,
    /// `http.maxRequestsPerConnection`.
    pub max_requests_per_connection: Option<u32>,
}

/// What a cluster's connections speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpstreamProtocol {
    /// HTTP/1.
    ExplicitHttp1,
    /// HTTP/2.
    ExplicitHttp2,
    /// What the client spoke.
    UseDownstream,
}

/// Pings of HTTP/2 connections. A mesh's default may lack either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Http2Keepalive {
    /// How often.
    pub interval: Option<GoDuration>,
    /// How long an answer may take.
    pub timeout: Option<GoDuration>,
}

impl Http2Keepalive {
    pub(super) fn new(pings: &Spanned<resource::Http2KeepAlive>) -> Self {
        let Spanned { value: pings, .. } = pings;
        Self {
            interval: pings.interval.map(|interval| interval.value),
            timeout: pings.timeout.map(|timeout| timeout.value),
        }
    }
}

impl UpstreamProtocol {
    /// Its name, such as `explicit_http2`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExplicitHttp1 => "explicit_http1",
            Self::ExplicitHttp2 => "explicit_http2",
            Self::UseDownstream => "use_downstream",
        }
    }
}

impl HttpProtocolOptions {
    pub(super) fn new(
        pool: Option<&ConnectionPool>,
        mesh_upgrade: Option<H2UpgradePolicy>,
        protocol: Protocol,
        inbound: bool,
    ) -> Option<Self> {
        let http = pool.and_then(|pool| pool.http.as_ref());
        let http = http.map(|http| &http.value);
        let mut upstream = match protocol {
            Protocol::Auto => Some(UpstreamProtocol::UseDownstream),
            _ if protocol.is_http2() => Some(UpstreamProtocol::ExplicitHttp2),
            _ => None,
        };
        // What the port says is not replaced.
        if !inbound && upstream.is_none() && is_upgraded(http, mesh_upgrade, protocol) {
            upstream = Some(UpstreamProtocol::ExplicitHttp2);
        }
        let streams = http.and_then(|http| turned(http.max_concurrent_streams));
        let keepalive = http.and_then(|http| http.http2_keep_alive.as_ref());
        let mut common = CommonHttpOptions::new(pool);
        if common.is_none() && (streams.is_some() || keepalive.is_some()) {
            common = Some(CommonHttpOptions::NONE);
        }
        // Comes last, so that nothing of HTTP/2 is left.
        if http.is_some_and(uses_client_protocol) {
            upstream = Some(UpstreamProtocol::UseDownstream);
        }
        let is_http2 = upstream == Some(UpstreamProtocol::ExplicitHttp2);
        (upstream.is_some() || common.is_some()).then(|| Self {
            common,
            upstream_protocol: upstream.unwrap_or(UpstreamProtocol::ExplicitHttp1),
            h2_max_concurrent_streams: streams.filter(|_| is_http2),
            h2_keepalive: keepalive.filter(|_| is_http2).map(Http2Keepalive::new),
        })
    }
}

impl CommonHttpOptions {
    const NONE: Self = Self {
        idle_timeout: None,
        max_connection_duration: None,
        max_requests_per_connection: None,
    };

    fn new(pool: Option<&ConnectionPool>) -> Option<Self> {
        let pool = pool?;
        let http = pool.http.as_ref();
        let tcp = pool.tcp.as_ref();
        let idle = http
            .and_then(|http| http.idle_timeout)
            .or_else(|| tcp.and_then(|tcp| tcp.idle_timeout));
        let age = tcp.and_then(|tcp| tcp.max_connection_duration);
        let options = Self {
            idle_timeout: idle.map(|idle| idle.value),
            max_connection_duration: age.map(|age| age.value),
            max_requests_per_connection: http
                .and_then(|http| turned(http.max_requests_per_connection)),
        };
        (options != Self::NONE).then_some(options)
    }
}

/// A number that is set: 0 is unset. A negative one, which only an admission that is passed by lets
/// through, turns as it does in Istio.
fn turned(field: Option<Spanned<i32>>) -> Option<u32> {
    let number = field.map(|field| field.value as u32);
    number.filter(|number| *number > 0)
}

pub(super) fn uses_client_protocol(http: &Http) -> bool {
    http.use_client_protocol.is_some_and(|uses| uses.value)
}

/// A rule that says so is believed whatever the port; the mesh's policy is for ports of HTTP.
fn is_upgraded(http: Option<&Http>, mesh: Option<H2UpgradePolicy>, protocol: Protocol) -> bool {
    let policy = http.and_then(|http| http.h2_upgrade_policy);
    match policy.map(|policy| policy.value) {
        _ if http.is_some_and(uses_client_protocol) => false,
        Some(H2UpgradePolicy::Upgrade) => true,
        Some(H2UpgradePolicy::DoNotUpgrade) => false,
        Some(H2UpgradePolicy::Default) | None => {
            protocol.is_http() && mesh == Some(H2UpgradePolicy::Upgrade)
        }
    }
}
