//! Options of HTTP connections.

use super::pool::{Pool, turned};
use crate::istio::resource::{self, GoDuration, H2UpgradePolicy, Spanned};
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
        pool: Option<&Pool>,
        mesh_upgrade: Option<H2UpgradePolicy>,
        protocol: Protocol,
        inbound: bool,
    ) -> Option<Self> {
        let mut upstream = match protocol {
            Protocol::Auto => Some(UpstreamProtocol::UseDownstream),
            _ if protocol.is_http2() => Some(UpstreamProtocol::ExplicitHttp2),
            _ => None,
        };
        // What the port says is not replaced.
        if !inbound && upstream.is_none() && is_upgraded(pool, mesh_upgrade, protocol) {
            upstream = Some(UpstreamProtocol::ExplicitHttp2);
        }
        let streams = pool.and_then(|pool| turned(pool.max_concurrent_streams));
        let keepalive = pool.and_then(|pool| pool.http2_keepalive);
        let mut common = pool.and_then(CommonHttpOptions::new);
        if common.is_none() && (streams.is_some() || keepalive.is_some()) {
            common = Some(CommonHttpOptions::NONE);
        }
        // Comes last, so that nothing of HTTP/2 is left.
        if pool.is_some_and(|pool| pool.use_client_protocol) {
            upstream = Some(UpstreamProtocol::UseDownstream);
        }
        let is_http2 = upstream == Some(UpstreamProtocol::ExplicitHttp2);
        (upstream.is_some() || common.is_some()).then(|| Self {
            common,
            upstream_protocol: upstream.unwrap_or(UpstreamProtocol::ExplicitHttp1),
            h2_max_concurrent_streams: streams.filter(|_| is_http2),
            h2_keepalive: keepalive.filter(|_| is_http2),
        })
    }
}

impl CommonHttpOptions {
    const NONE: Self = Self {
        idle_timeout: None,
        max_connection_duration: None,
        max_requests_per_connection: None,
    };

    fn new(pool: &Pool) -> Option<Self> {
        let options = Self {
            idle_timeout: pool.idle_timeout,
            max_connection_duration: pool.max_connection_duration,
            max_requests_per_connection: turned(pool.max_requests_per_connection),
        };
        (options != Self::NONE).then_some(options)
    }
}

/// A rule that says so is believed whatever the port; the mesh's policy is for ports of HTTP.
fn is_upgraded(pool: Option<&Pool>, mesh: Option<H2UpgradePolicy>, protocol: Protocol) -> bool {
    let policy = pool.map_or(H2UpgradePolicy::Default, |pool| pool.h2_upgrade_policy);
    match policy {
        _ if pool.is_some_and(|pool| pool.use_client_protocol) => false,
        H2UpgradePolicy::Upgrade => true,
        H2UpgradePolicy::DoNotUpgrade => false,
        H2UpgradePolicy::Default => protocol.is_http() && mesh == Some(H2UpgradePolicy::Upgrade),
    }
}
