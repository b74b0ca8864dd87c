//! [`Pool`]: what a `connectionPool` says, small.

use super::{Http2Keepalive, TcpKeepalive};
use crate::istio::resource::{ConnectionPool, GoDuration, H2UpgradePolicy, Spanned};

/// The values of a `connectionPool` without their places. An index of ten thousand rules keeps these
/// at hand, so that a look-up reads some lines of memory and not all of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::istio) struct Pool {
    pub(super) max_connections: i32,
    pub(super) max_pending_requests: i32,
    pub(super) max_requests: i32,
    pub(super) max_retries: i32,
    pub(super) max_requests_per_connection: i32,
    pub(super) max_concurrent_streams: i32,
    pub(super) connect_timeout: Option<GoDuration>,
    /// The one of `http` wins.
    pub(super) idle_timeout: Option<GoDuration>,
    pub(super) max_connection_duration: Option<GoDuration>,
    pub(super) tcp_keepalive: Option<TcpKeepalive>,
    pub(super) http2_keepalive: Option<Http2Keepalive>,
    pub(super) h2_upgrade_policy: H2UpgradePolicy,
    pub(super) use_client_protocol: bool,
}

impl Pool {
    pub(in crate::istio) fn new(pool: &ConnectionPool) -> Self {
        let (tcp, http) = (pool.tcp.as_ref(), pool.http.as_ref());
        let number = |field: Option<Spanned<i32>>| field.map_or(0, |number| number.value);
        let value = |field: Option<Spanned<GoDuration>>| field.map(|time| time.value);
        let of_tcp = value(tcp.and_then(|tcp| tcp.idle_timeout));
        let of_http = value(http.and_then(|http| http.idle_timeout));
        let policy = http.and_then(|http| http.h2_upgrade_policy);
        let by_client = http.and_then(|http| http.use_client_protocol);
        let keepalive = tcp.and_then(|tcp| tcp.tcp_keepalive.as_ref());
        let pings = http.and_then(|http| http.http2_keep_alive.as_ref());
        Self {
            max_connections: number(tcp.and_then(|tcp| tcp.max_connections)),
            max_pending_requests: number(http.and_then(|http| http.http1_max_pending_requests)),
            max_requests: number(http.and_then(|http| http.http2_max_requests)),
            max_retries: number(http.and_then(|http| http.max_retries)),
            max_requests_per_connection: number(
                http.and_then(|http| http.max_requests_per_connection),
            ),
            max_concurrent_streams: number(http.and_then(|http| http.max_concurrent_streams)),
            connect_timeout: value(tcp.and_then(|tcp| tcp.connect_timeout)),
            idle_timeout: of_http.or(of_tcp),
            max_connection_duration: value(tcp.and_then(|tcp| tcp.max_connection_duration)),
            tcp_keepalive: keepalive.map(|keepalive| TcpKeepalive::of(keepalive)),
            http2_keepalive: pings.map(Http2Keepalive::new),
            h2_upgrade_policy: policy.map_or(H2UpgradePolicy::Default, |policy| policy.value),
            use_client_protocol: by_client.is_some_and(|by_client| by_client.value),
        }
    }
}

/// A number that is set: 0 is unset, and so is what is negative, as in Istio.
pub(in crate::istio::translate) fn limit(number: i32) -> Option<u32> {
    u32::try_from(number).ok().filter(|number| *number > 0)
}

/// A number that is set: 0 is unset. A negative one, which only an admission that is passed by lets
/// through, turns as it does in Istio.
pub(super) fn turned(number: i32) -> Option<u32> {
    (number != 0).then_some(number as u32)
}
