//! [`Stats`]: what a destination has counted, and where it stands, in Envoy's names.

/// What has happened so far. Each is named as Envoy's counter is, without `upstream_`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Requests that got a connection. One that is handed back and gets another counts again.
    pub rq_total: u64,
    /// Requests that found no connection ready, and pended.
    pub rq_pending_total: u64,
    /// Requests refused by [`max_pending_requests`](crate::Limits::max_pending_requests).
    pub rq_pending_overflow: u64,
    /// Requests refused by [`max_requests`](crate::Limits::max_requests).
    pub rq_active_overflow: u64,
    /// Pending requests failed for want of a connection, and those that a lost HTTP/2 connection
    /// took with it.
    pub rq_pending_failure_eject: u64,
    /// Pending requests whose caller left.
    pub rq_cancelled: u64,
    /// HTTP/2 requests reset by this side: their caller left, their body failed, or what the peer
    /// sent is no response.
    pub rq_tx_reset: u64,
    /// HTTP/2 requests reset by the peer.
    pub rq_rx_reset: u64,
    /// Retries allowed.
    pub rq_retry: u64,
    /// Retries denied by [`max_retries`](crate::Limits::max_retries) or the
    /// [`retry_budget`](crate::Limits::retry_budget).
    pub rq_retry_overflow: u64,
    /// Connects begun.
    pub cx_total: u64,
    /// Of those, HTTP/1, counted when that is known.
    pub cx_http1_total: u64,
    /// Of those, HTTP/2, counted when that is known.
    pub cx_http2_total: u64,
    /// Times that a connection was wanted, and
    /// [`max_connections`](crate::Limits::max_connections) forbade it. Not a number of requests:
    /// the same one counts again at each look at the queue.
    pub cx_overflow: u64,
    /// Connects that failed or timed out.
    pub cx_connect_fail: u64,
    /// Connects that timed out.
    pub cx_connect_timeout: u64,
    /// Connections that reached
    /// [`max_requests_per_connection`](crate::Limits::max_requests_per_connection).
    pub cx_max_requests: u64,
    /// Connections that reached
    /// [`max_connection_duration`](crate::Limits::max_connection_duration).
    pub cx_max_duration_reached: u64,
    /// Connections closed after [`idle_timeout`](crate::Limits::idle_timeout).
    pub cx_idle_timeout: u64,
    /// Times that the peer said it would close: `connection: close`, or GOAWAY.
    pub cx_close_notify: u64,
    /// Connections that are gone.
    pub cx_destroy: u64,
    /// Of those, closed by this side.
    pub cx_destroy_local: u64,
    /// Of those, closed by the peer, or never made.
    pub cx_destroy_remote: u64,
    /// Connections gone under a request.
    pub cx_destroy_with_active_rq: u64,
    /// Of those, closed by this side.
    pub cx_destroy_local_with_active_rq: u64,
    /// Of those, closed by the peer.
    pub cx_destroy_remote_with_active_rq: u64,
}

/// How close to its limits a destination is. Each is named as Envoy's gauge is, without
/// `circuit_breakers.default.`.
///
/// All of it is worked out when asked for, so that it is true after a change of limits, too, and
/// under a retry budget; Envoy's are brought up to date by the next request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitBreakers {
    /// There is no room for a connection.
    pub cx_open: bool,
    /// There is no room for an active request.
    pub rq_open: bool,
    /// There is no room for a pending request.
    pub rq_pending_open: bool,
    /// There is no room for a retry.
    pub rq_retry_open: bool,
    /// How many connections there is room for; `None` is no limit.
    pub remaining_cx: Option<u32>,
    /// How many active requests there is room for; `None` is no limit.
    pub remaining_rq: Option<u32>,
    /// How many pending requests there is room for; `None` is no limit.
    pub remaining_pending: Option<u32>,
    /// How many retries there is room for; `None` is no limit.
    pub remaining_retries: Option<u32>,
}

/// What a destination has counted, and where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// What has happened so far.
    pub counters: Counters,
    /// How close to its limits it is.
    pub circuit_breakers: CircuitBreakers,
    /// Requests on a connection now. Envoy: `upstream_rq_active`.
    pub rq_active: u32,
    /// Requests that pend now. Envoy: `upstream_rq_pending_active`.
    pub rq_pending_active: u32,
    /// Connections now, from the start of the connect to the end of the socket. Envoy:
    /// `upstream_cx_active`.
    pub cx_active: u32,
    /// Retries under way now.
    pub retries_active: u32,
}

/// Pairs each field with its name.
macro_rules! named {
    ($of:expr, $prefix:literal: $($field:ident),* $(,)?) => {
        [$((concat!($prefix, stringify!($field)), u64::from($of.$field))),*]
    };
}

impl Stats {
    /// Every number under Envoy's full name, `upstream_rq_total` for one. What has no limit has
    /// no `remaining_`.
    ///
    /// ```
    /// use meshpool::Limits;
    /// use meshpool::outbound::destination::{Expected, Machine};
    ///
    /// let limits = Limits::new().max_requests(2);
    /// let stats = Machine::new(limits, Expected::Http1).stats();
    /// let names: Vec<_> = stats.named().collect();
    /// assert!(names.contains(&("circuit_breakers.default.remaining_rq", 2)));
    /// assert!(names.contains(&("upstream_rq_total", 0)));
    /// ```
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        let counters = named!(self.counters, "upstream_":
            rq_total, rq_pending_total, rq_pending_overflow, rq_active_overflow,
            rq_pending_failure_eject, rq_cancelled, rq_tx_reset, rq_rx_reset, rq_retry,
            rq_retry_overflow, cx_total, cx_http1_total, cx_http2_total, cx_overflow,
            cx_connect_fail, cx_connect_timeout, cx_max_requests, cx_max_duration_reached,
            cx_idle_timeout, cx_close_notify, cx_destroy, cx_destroy_local, cx_destroy_remote,
            cx_destroy_with_active_rq, cx_destroy_local_with_active_rq,
            cx_destroy_remote_with_active_rq,
        );
        let gauges = named!(self, "upstream_": rq_active, rq_pending_active, cx_active);
        let open = named!(self.circuit_breakers, "circuit_breakers.default.":
            cx_open, rq_open, rq_pending_open, rq_retry_open,
        );
        let CircuitBreakers {
            remaining_cx,
            remaining_rq,
            remaining_pending,
            remaining_retries,
            ..
        } = self.circuit_breakers;
        let remaining = [
            ("circuit_breakers.default.remaining_cx", remaining_cx),
            ("circuit_breakers.default.remaining_rq", remaining_rq),
            (
                "circuit_breakers.default.remaining_pending",
                remaining_pending,
            ),
            (
                "circuit_breakers.default.remaining_retries",
                remaining_retries,
            ),
        ];
        let remaining = remaining
            .into_iter()
            .filter_map(|(name, remaining)| Some((name, u64::from(remaining?))));
        counters
            .into_iter()
            .chain(gauges)
            .chain(open)
            .chain(remaining)
    }
}
