//! The blocks that are in force, in Envoy's terms: what istiod would send.

mod http;
mod keepalive;
mod outlier;
mod pool;
mod thresholds;

pub use self::http::{CommonHttpOptions, Http2Keepalive, HttpProtocolOptions, UpstreamProtocol};
pub use self::keepalive::TcpKeepalive;
pub use self::outlier::OutlierDetection;
pub(in crate::istio) use self::pool::Pool;
pub(super) use self::pool::limit;
pub use self::thresholds::{RetryBudget, Thresholds};
use super::Protocol;
use crate::istio::resource::{self, GoDuration, H2UpgradePolicy};

/// What applies to a service, block by block.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::istio) struct Blocks<'a> {
    pub(in crate::istio) pool: Option<Pool>,
    pub(in crate::istio) outlier: Option<&'a resource::OutlierDetection>,
    pub(in crate::istio) retry_budget: Option<RetryBudget>,
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
        let pool = blocks.pool.as_ref();
        let of_mesh = around.tcp_keepalive.map(TcpKeepalive::of);
        let keepalive = pool.and_then(|pool| pool.tcp_keepalive);
        let of_http2 = pool.filter(|pool| !pool.use_client_protocol);
        Self {
            thresholds: Thresholds::new(pool, blocks.retry_budget),
            connect_timeout: pool
                .and_then(|pool| pool.connect_timeout)
                .or(around.connect_timeout),
            tcp_keepalive: match (keepalive, of_mesh) {
                (Some(keepalive), Some(of_mesh)) => Some(keepalive.or(of_mesh)),
                (one, other) => one.or(other),
            },
            http: HttpProtocolOptions::new(pool, around.h2_upgrade_policy, protocol, inbound),
            outlier: blocks
                .outlier
                .filter(|_| !inbound)
                .map(OutlierDetection::new),
            max_concurrent_streams: of_http2.and_then(|pool| limit(pool.max_concurrent_streams)),
            http2_keepalive: of_http2.and_then(|pool| pool.http2_keepalive),
        }
    }
}
