//! [`Limits`]: what a pool enforces, as plain data.
//!
//! One type serves both directions, and everything that can produce limits (code, a rule file,
//! Kubernetes) produces this. It knows nothing of how a limit is enforced.
//!
//! ```
//! use meshpool::Limits;
//!
//! let limits = Limits::new()
//!     .max_requests(100)
//!     .max_pending_requests(20)
//!     .max_requests_per_connection(1000);
//!
//! assert_eq!(limits.max_requests, Some(100));
//! assert_eq!(Limits::default().max_requests, None, "unlimited unless set");
//! ```

mod destination;
mod retry_budget;
mod source;
mod subscribers;
mod tcp_keep_alive;

use std::num::NonZeroU32;
use std::time::Duration;

pub use self::destination::{Destination, Scheme};
pub use self::retry_budget::RetryBudget;
pub use self::source::{LimitsSource, LiveLimits, Subscriber};
#[cfg(feature = "istio")]
pub(crate) use self::subscribers::Subscribers;
pub use self::tcp_keep_alive::TcpKeepAlive;

/// What a pool enforces. Everything is unlimited unless set.
///
/// For [`max_requests`](Self::max_requests) and
/// [`max_pending_requests`](Self::max_pending_requests) a limit is *unlimited* (`None`) or any
/// number, 0 included. That is where this type says more than Istio's `DestinationRule`, in which
/// 0 means unset: reading a rule turns its 0 into `None`. Inbound, numbers above `i32::MAX` are
/// unlimited.
///
/// The fields are public so that limits can be inspected; the builder methods of the same names
/// set them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Limits {
    /// How many requests may be active at once. 0 admits nothing. Outbound it is judged when a
    /// request is to go on a connection, not before.
    ///
    /// Istio: `connectionPool.http.http2MaxRequests`, for HTTP/1 as well despite its name;
    /// Envoy: `max_requests`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub max_requests: Option<u32>,

    /// How many requests may be pending: inbound for want of room among the active ones, outbound
    /// for want of a connection. 0 means no queue: a request that would have to wait is refused at
    /// once. Outbound that is each request that finds no connection ready, the first one included.
    ///
    /// Istio: `connectionPool.http.http1MaxPendingRequests`, for HTTP/2 as well despite its
    /// name; Envoy: `max_pending_requests`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub max_pending_requests: Option<u32>,

    /// After how many requests a connection is retired.
    ///
    /// Istio: `connectionPool.http.maxRequestsPerConnection`; Envoy:
    /// `max_requests_per_connection`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub max_requests_per_connection: Option<NonZeroU32>,

    /// How long a connection may stay without an active request before it is closed.
    ///
    /// Istio: `connectionPool.http.idleTimeout`, else `connectionPool.tcp.idleTimeout`. Envoy's
    /// default of one hour does not apply here: unset is no limit.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub idle_timeout: Option<Duration>,

    /// How old a connection may become before it is drained and closed.
    ///
    /// Istio: `connectionPool.tcp.maxConnectionDuration`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub max_connection_duration: Option<Duration>,

    /// How many connections a destination may have, from the start of the connect to the end of
    /// the socket. 0 behaves as 1, as in Envoy. Outbound only.
    ///
    /// Istio: `connectionPool.tcp.maxConnections`; Envoy: `max_connections`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub max_connections: Option<u32>,

    /// How many streams may be open on one HTTP/2 connection, where the peer allows as many.
    /// Outbound only.
    ///
    /// Istio: `connectionPool.http.maxConcurrentStreams`; Envoy: `max_concurrent_streams`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub max_concurrent_streams: Option<NonZeroU32>,

    /// After how long without anything from an HTTP/2 server it is sent a PING, idle or not.
    /// Outbound only; for connections that are opened from then on. Unset, what
    /// the client was built with holds.
    ///
    /// Istio: `connectionPool.http.http2KeepAlive.interval`; Envoy:
    /// `connection_keepalive.interval`, which sends one each interval whatever comes.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub http2_keep_alive_interval: Option<Duration>,

    /// How long a PING may go unanswered before the connection counts as lost. Of no effect
    /// without [`http2_keep_alive_interval`](Self::http2_keep_alive_interval). Outbound only.
    ///
    /// Istio: `connectionPool.http.http2KeepAlive.timeout`; Envoy: `connection_keepalive.timeout`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub http2_keep_alive_timeout: Option<Duration>,

    /// How the system finds out that a server is gone. Outbound only; for TCP connections that an
    /// `outbound::KeepAliveConnector` opens from then on. Unset, it is as the connector that this
    /// is around has it.
    ///
    /// Istio: `connectionPool.tcp.tcpKeepalive`; Envoy:
    /// `upstream_connection_options.tcp_keepalive`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub tcp_keep_alive: Option<TcpKeepAlive>,

    /// How long a connect may take, handshakes included. Outbound only.
    ///
    /// Istio: `connectionPool.tcp.connectTimeout`. Its default of ten seconds does not apply
    /// here: unset is no limit.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub connect_timeout: Option<Duration>,

    /// How many retries may be under way at once. 0 allows none. Outbound only; a
    /// [`retry_budget`](Self::retry_budget) takes its place.
    ///
    /// Istio: `connectionPool.http.maxRetries`; Envoy: `max_retries`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub max_retries: Option<u32>,

    /// How many retries may be under way at once, as a share of the load. Outbound only.
    ///
    /// Istio: `trafficPolicy.retryBudget`; Envoy: `retry_budget`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub retry_budget: Option<RetryBudget>,
}

impl Limits {
    /// No limits at all: the same as `Limits::default()`.
    pub const fn new() -> Self {
        Self {
            max_requests: None,
            max_pending_requests: None,
            max_requests_per_connection: None,
            idle_timeout: None,
            max_connection_duration: None,
            max_connections: None,
            max_concurrent_streams: None,
            http2_keep_alive_interval: None,
            http2_keep_alive_timeout: None,
            tcp_keep_alive: None,
            connect_timeout: None,
            max_retries: None,
            retry_budget: None,
        }
    }

    /// Sets how many requests may be active at once; `None` is unlimited. Default: unlimited.
    #[must_use]
    pub fn max_requests(mut self, max: impl Into<Option<u32>>) -> Self {
        self.max_requests = max.into();
        self
    }

    /// Sets how many requests may be pending; `None` is unlimited. Default: unlimited.
    #[must_use]
    pub fn max_pending_requests(mut self, max: impl Into<Option<u32>>) -> Self {
        self.max_pending_requests = max.into();
        self
    }

    /// Sets after how many requests a connection is retired; `None` is never. Default: never.
    ///
    /// # Panics
    ///
    /// If `max` is 0: a connection serves at least one request.
    #[must_use]
    pub fn max_requests_per_connection(mut self, max: impl Into<Option<u32>>) -> Self {
        self.max_requests_per_connection = max.into().map(|max| {
            NonZeroU32::new(max).expect("max_requests_per_connection must be at least 1")
        });
        self
    }

    /// Sets how long a connection may be idle; `None` is for ever. Default: for ever.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = timeout.into();
        self
    }

    /// Sets how old a connection may become; `None` is any age. Default: any age.
    #[must_use]
    pub fn max_connection_duration(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.max_connection_duration = age.into();
        self
    }

    /// Sets how many connections a destination may have; `None` is unlimited, and 0 behaves as 1.
    /// Default: unlimited.
    #[must_use]
    pub fn max_connections(mut self, max: impl Into<Option<u32>>) -> Self {
        self.max_connections = max.into();
        self
    }

    /// Sets how many streams may be open on one HTTP/2 connection; `None` is as many as the peer
    /// allows. Default: as many as the peer allows.
    ///
    /// # Panics
    ///
    /// If `max` is 0: a connection carries at least one stream.
    #[must_use]
    pub fn max_concurrent_streams(mut self, max: impl Into<Option<u32>>) -> Self {
        self.max_concurrent_streams = max
            .into()
            .map(|max| NonZeroU32::new(max).expect("max_concurrent_streams must be at least 1"));
        self
    }

    /// Sets after how long without anything from an HTTP/2 server it is sent a PING, and how long
    /// that may go unanswered; `None` is as the client has it. Default: as the client has it.
    #[must_use]
    pub fn http2_keep_alive(mut self, pings: impl Into<Option<(Duration, Duration)>>) -> Self {
        let pings = pings.into();
        self.http2_keep_alive_interval = pings.map(|(interval, _)| interval);
        self.http2_keep_alive_timeout = pings.map(|(_, timeout)| timeout);
        self
    }

    /// Sets how the system finds out that a server is gone; `None` is as the connector has it.
    /// Default: as the connector has it.
    #[must_use]
    pub fn tcp_keep_alive(mut self, keep_alive: impl Into<Option<TcpKeepAlive>>) -> Self {
        self.tcp_keep_alive = keep_alive.into();
        self
    }

    /// Sets how long a connect may take; `None` is as long as it takes. Default: as long as it
    /// takes.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.connect_timeout = timeout.into();
        self
    }

    /// Sets how many retries may be under way at once; `None` is unlimited. Default: unlimited.
    #[must_use]
    pub fn max_retries(mut self, max: impl Into<Option<u32>>) -> Self {
        self.max_retries = max.into();
        self
    }

    /// Sets a retry budget, which takes the place of [`max_retries`](Self::max_retries). Default:
    /// none.
    #[must_use]
    pub fn retry_budget(mut self, budget: impl Into<Option<RetryBudget>>) -> Self {
        self.retry_budget = budget.into();
        self
    }
}
