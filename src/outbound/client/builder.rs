//! [`Builder`]: what can be chosen when a client is made.

use std::fmt;
use std::time::Duration;

use http_body::Body;

use super::Client;
use crate::Limits;
use crate::limits::LimitsSource;
use crate::outbound::connection::{Connect, KeepAlive};
use crate::outbound::destinations::{Destinations, Options};
use crate::outbound::error::BoxError;
use crate::outbound::pool::{Connector, Protocols};

/// Builds a [`Client`].
///
/// ```
/// use std::time::Duration;
///
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use hyper_util::client::legacy::connect::HttpConnector;
/// use meshpool::Limits;
/// use meshpool::outbound::Client;
///
/// let client: Client<Full<Bytes>> = Client::builder()
///     .limits(Limits::new().max_connections(4).max_pending_requests(100))
///     .pending_timeout(Duration::from_secs(1))
///     .max_total_connections(1000)
///     .build(HttpConnector::new());
/// # let _ = client;
/// ```
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    limits: Box<dyn LimitsSource>,
    options: Options,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            limits: Box::new(Limits::new()),
            options: Options {
                protocols: Protocols::Negotiated,
                keep_alive: KeepAlive::default(),
                pending_timeout: None,
                response_timeout: None,
                max_total_connections: None,
                max_idle_destinations: 1024,
            },
        }
    }

    /// Where each destination's limits come from: [`Limits`] for all and for ever,
    /// [`LiveLimits`](crate::limits::LiveLimits) that code sets, or any other source. Default: no
    /// limits.
    ///
    /// When the source says that limits have changed, every destination obeys the new ones at
    /// once and in place: no connection is dropped but idle ones beyond the limit, nothing fails
    /// that is active or pending, the load that is there counts, and room that they make is used.
    pub fn limits(mut self, limits: impl LimitsSource + 'static) -> Self {
        self.limits = Box::new(limits);
        self
    }

    /// Speaks HTTP/1 alone. Over TLS the connector must not offer HTTP/2. Default: HTTP/1 in the
    /// clear, and over TLS whichever the handshake (ALPN) settles on.
    pub fn http1_only(mut self) -> Self {
        self.options.protocols = Protocols::Http1Only;
        self
    }

    /// Speaks HTTP/2 alone, by prior knowledge. Default: as for
    /// [`http1_only`](Self::http1_only).
    pub fn http2_only(mut self) -> Self {
        self.options.protocols = Protocols::Http2Only;
        self
    }

    /// After how long without anything from an HTTP/2 server it is sent a PING; `None` is never.
    /// Default: never. Envoy: `connection_keepalive.interval`. Limits that have
    /// [one of their own](Limits::http2_keep_alive) take the place of all three settings.
    pub fn http2_keep_alive_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.options.keep_alive.interval = interval.into();
        self
    }

    /// How long a PING may go unanswered before the connection counts as lost. Default: hyper's,
    /// 20 seconds. Envoy: `connection_keepalive.timeout`.
    pub fn http2_keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.options.keep_alive.timeout = Some(timeout);
        self
    }

    /// Whether a connection without streams is sent PINGs as well. Default: no.
    pub fn http2_keep_alive_while_idle(mut self, while_idle: bool) -> Self {
        self.options.keep_alive.while_idle = while_idle;
        self
    }

    /// How long a request may be pending before it fails with
    /// [`PendingTimeout`](crate::outbound::ErrorKind::PendingTimeout); `None` is for ever.
    /// Default: for ever.
    ///
    /// It counts from the first poll, and anew for a request that has had a connection which turned
    /// out to be dead, and pends again. Envoy has no such limit of its own: its route timeout runs
    /// while a request is pending.
    pub fn pending_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.pending_timeout = timeout.into();
        self
    }

    /// How long an active request may wait for the head of its response, before it fails with
    /// [`ResponseTimeout`](crate::outbound::ErrorKind::ResponseTimeout); `None` is for ever.
    /// Default: for ever.
    ///
    /// It counts from when the request has a connection and all of its body has been read from the
    /// caller, so that neither pending nor a long upload counts; a server that does not take the
    /// rest of it is late. Each retry has as much. Envoy: the `per_try_timeout` of a route.
    pub fn response_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.response_timeout = timeout.into();
        self
    }

    /// How many connections all destinations may have together, from the start of the connect to
    /// the end of the socket; `None` is any number, and 0 behaves as 1. Default: any number.
    ///
    /// A connection beyond that waits for its turn, and the requests that it is for are pending
    /// meanwhile; its [`connect_timeout`](Limits::connect_timeout) runs from when it begins. For
    /// each that waits, a connection of a destination where nothing is pending closes, if it is idle,
    /// or connects for a request that has gone. A destination where something always pends gives
    /// none up: bound it by [`max_connections`](Limits::max_connections), or
    /// [`max_requests_per_connection`](Limits::max_requests_per_connection). Envoy has no such limit
    /// on the connections that it makes.
    pub fn max_total_connections(mut self, max: impl Into<Option<usize>>) -> Self {
        self.options.max_total_connections = max.into().map(|max| max.max(1));
        self
    }

    /// How many destinations without a request are kept, with their [`stats`](Client::stats) and
    /// idle connections, so that a client that speaks to ever other hosts stays bounded. Default:
    /// 1024.
    ///
    /// It is looked at as destinations are added, so that for a while there may be three times as
    /// many; then those beyond it that have been idle for longest close their connections, and those
    /// that have none left are forgotten. Envoy's clusters are configured, and stay.
    pub fn max_idle_destinations(mut self, max: usize) -> Self {
        self.options.max_idle_destinations = max;
        self
    }

    /// Makes the client. `connector` opens its connections: see [`Connect`].
    pub fn build<C, B>(self, connector: C) -> Client<B>
    where
        C: Connect,
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let opener = Box::new(Connector(connector));
        Client::new(Destinations::new(self.options, opener, self.limits))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
