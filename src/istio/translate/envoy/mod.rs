//! The blocks that are in force, in Envoy's terms: what istiod would send.

mod http;
mod keepalive;
mod outlier;
mod thresholds;

pub use self::http::{CommonHttpOptions, Http2Keepalive, HttpProtocolOptions, UpstreamProtocol};
pub use self::keepalive::TcpKeepalive;
pub use self::outlier::OutlierDetection;
pub use self::thresholds::{RetryBudget, Thresholds};
use super::{Protocol, set};
use crate::istio::resource::{self, ConnectionPool, GoDuration, H2UpgradePolicy, Http, Spanned};

/// What applies to a service, block by block.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::istio) struct Blocks<'a> {
    pub(in crate::istio) pool: Option<&'a ConnectionPool>,
    pub(in crate::istio) outlier: Option<&'a resource::OutlierDetection>,
    pub(in crate::istio) retry_budget: Option<&'a resource::RetryBudget>,
}

/// What the mesh says beside them.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::istio) struct Around<'a> {
    pub(in crate::istio) connect_timeout: Option<GoDuration>,
    pub(in crate::istio) tcp_keepalive: Option<&'a resource::TcpKeepalive>,
    pub(in crate::istio) h2_upgrade_policy: Option<H2UpgradePolicy>,
}

/// The settings of a cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::istio) struct Envoy<'a> {
    pub(in crate::istio) thresholds: Thresholds,
    pub(in crate::istio) connect_timeout: Option<GoDuration>,
    pub(in crate::istio) tcp_keepalive: Option<TcpKeepalive>,
    pub(in crate::istio) http: Option<HttpProtocolOptions>,
    pub(in crate::istio) outlier: Option<OutlierDetection<'a>>,
    /// `http.maxConcurrentStreams`, for connections that turn out to be HTTP/2 whatever the port
    /// says; Istio loses it where the client's protocol is used.
    pub(in crate::istio) max_concurrent_streams: Option<u32>,
    /// `http.http2KeepAlive`, likewise.
    pub(in crate::istio) http2_keepalive: Option<Http2Keepalive>,
}

impl<'a> Envoy<'a> {
    /// What istiod makes of the blocks. Inbound, clusters are not upgraded to HTTP/2 and know no
    /// outliers.
    pub(in crate::istio) fn new(
        blocks: Blocks<'a>,
        around: Around<'_>,
        protocol: Protocol,
        inbound: bool,
    ) -> Self {
        let tcp = blocks.pool.and_then(|pool| pool.tcp.as_ref());
        let connect_timeout = tcp.and_then(|tcp| tcp.connect_timeout);
        let keepalive = tcp.and_then(|tcp| tcp.tcp_keepalive.as_ref());
        let upgrade = around.h2_upgrade_policy;
        let http = blocks.pool.and_then(|pool| pool.http.as_ref());
        let keeps_streams = |http: &&Spanned<Http>| !http::uses_client_protocol(http);
        let streams = http.filter(keeps_streams);
        Self {
            thresholds: Thresholds::new(blocks.pool, blocks.retry_budget),
            connect_timeout: connect_timeout
                .map(|time| time.value)
                .or(around.connect_timeout),
            tcp_keepalive: TcpKeepalive::new(
                around.tcp_keepalive,
                keepalive.map(|keepalive| &keepalive.value),
            ),
            http: HttpProtocolOptions::new(blocks.pool, upgrade, protocol, inbound),
            outlier: blocks
                .outlier
                .filter(|_| !inbound)
                .map(OutlierDetection::new),
            max_concurrent_streams: streams.and_then(|http| set(http.max_concurrent_streams)),
            http2_keepalive: streams
                .and_then(|http| http.http2_keep_alive.as_ref())
                .map(Http2Keepalive::new),
        }
    }
}
