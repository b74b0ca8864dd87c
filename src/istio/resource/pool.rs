//! `connectionPool`, all of it.

use super::{GoDuration, Spanned};

#[derive(Debug, Default, PartialEq)]
pub(crate) struct ConnectionPool {
    pub(crate) tcp: Option<Spanned<Tcp>>,
    pub(crate) http: Option<Spanned<Http>>,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Tcp {
    pub(crate) max_connections: Option<Spanned<i32>>,
    pub(crate) connect_timeout: Option<Spanned<GoDuration>>,
    pub(crate) tcp_keepalive: Option<Spanned<TcpKeepalive>>,
    pub(crate) max_connection_duration: Option<Spanned<GoDuration>>,
    pub(crate) idle_timeout: Option<Spanned<GoDuration>>,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct TcpKeepalive {
    pub(crate) probes: Option<Spanned<u32>>,
    pub(crate) time: Option<Spanned<GoDuration>>,
    pub(crate) interval: Option<Spanned<GoDuration>>,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Http {
    pub(crate) http1_max_pending_requests: Option<Spanned<i32>>,
    pub(crate) http2_max_requests: Option<Spanned<i32>>,
    pub(crate) max_requests_per_connection: Option<Spanned<i32>>,
    pub(crate) max_retries: Option<Spanned<i32>>,
    pub(crate) idle_timeout: Option<Spanned<GoDuration>>,
    pub(crate) h2_upgrade_policy: Option<Spanned<H2UpgradePolicy>>,
    pub(crate) use_client_protocol: Option<Spanned<bool>>,
    pub(crate) max_concurrent_streams: Option<Spanned<i32>>,
    pub(crate) http2_keep_alive: Option<Spanned<Http2KeepAlive>>,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Http2KeepAlive {
    pub(crate) interval: Option<Spanned<GoDuration>>,
    pub(crate) timeout: Option<Spanned<GoDuration>>,
}

/// A pool's has all three, a mesh's has no default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum H2UpgradePolicy {
    Default,
    DoNotUpgrade,
    Upgrade,
}
