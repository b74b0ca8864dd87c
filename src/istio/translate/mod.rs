//! Typed rules to [`Limits`]: what a `DestinationRule` means for the requests that a process
//! serves.
//!
//! What lives here takes rules that are valid, and says what follows from them: the limits, which
//! fields have no effect here and why, and which combinations are probably not meant. It reads no
//! text and knows no pool.
//!
//! In a process no connection has to be opened before a request can run, so there is nothing to
//! wait for but a slot. With M = `maxConnections`, R = `http2MaxRequests` and
//! P = `http1MaxPendingRequests`, unset or 0 being unlimited:
//!
//! - slots = min(M, R)
//! - places = P if M ≤ R, else 0 ([`OnFull::Refuse`]), or P whenever it is set ([`OnFull::Wait`])
//!
//! On HTTP/2 and gRPC one connection carries many requests, so there M limits nothing.

mod effect;

use std::num::NonZeroU32;

pub(super) use self::effect::report_effects;
use super::rule::{ConnectionPool, Spanned};
use crate::limits::Limits;

/// What becomes of a request that finds all slots taken, where the rule has fewer requests
/// (`http2MaxRequests`) than connections (`maxConnections`).
///
/// Envoy lets a request wait for a *connection*, and refuses it when it has one and there are too
/// many requests. In a process there are no connections to wait for. So where requests are the
/// tighter limit, Envoy's letter is to refuse at once, whatever `http1MaxPendingRequests` says;
/// and what people who wrote `http1MaxPendingRequests: 1` expect is that one request waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnFull {
    /// Refuse at once, as Envoy does: `http1MaxPendingRequests` counts only where
    /// `maxConnections` is the tighter limit or neither is set. The default.
    #[default]
    Refuse,
    /// Let as many wait as `http1MaxPendingRequests` says, whichever limit is the tighter.
    Wait,
}

/// What the service speaks. It decides whether `maxConnections` limits requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/1: a connection carries one request at a time, so `maxConnections` limits requests.
    /// The default.
    #[default]
    Http1,
    /// HTTP/2 or gRPC: a connection carries many requests, so `maxConnections` limits none.
    Http2,
}

/// The numbers of a pool that decide over slots and places; `None` is unlimited.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    max_connections: Option<u32>,
    max_requests: Option<u32>,
    max_pending: Option<u32>,
}

impl Numbers {
    fn of(pool: &ConnectionPool, protocol: Protocol) -> Self {
        let http = pool.http.as_ref();
        let max_connections = pool.tcp.as_ref().and_then(|tcp| set(tcp.max_connections));
        Self {
            max_connections: match protocol {
                Protocol::Http1 => max_connections,
                Protocol::Http2 => None,
            },
            max_requests: http.and_then(|http| set(http.http2_max_requests)),
            max_pending: http.and_then(|http| set(http.http1_max_pending_requests)),
        }
    }

    fn slots(self) -> Option<u32> {
        match (self.max_connections, self.max_requests) {
            (Some(connections), Some(requests)) => Some(connections.min(requests)),
            (one, other) => one.or(other),
        }
    }

    /// Whether a request meets the limit on requests before the one on connections: R < M.
    fn requests_are_tighter(self) -> bool {
        match (self.max_requests, self.max_connections) {
            (Some(requests), Some(connections)) => requests < connections,
            (requests, _) => requests.is_some(),
        }
    }

    fn places(self, on_full: OnFull) -> Option<u32> {
        if !self.requests_are_tighter() {
            return self.max_pending;
        }
        match on_full {
            OnFull::Refuse => Some(0),
            // Nobody asked for a queue where P is unset.
            OnFull::Wait => Some(self.max_pending.unwrap_or(0)),
        }
    }
}

/// A number that is set: 0 is unset. Negative ones were refused before.
fn set(field: Option<Spanned<i32>>) -> Option<u32> {
    field
        .and_then(|field| u32::try_from(field.value).ok())
        .filter(|number| *number > 0)
}

/// The limits of a pool for the requests that a process serves.
pub(super) fn inbound(pool: &ConnectionPool, on_full: OnFull, protocol: Protocol) -> Limits {
    let numbers = Numbers::of(pool, protocol);
    let tcp = pool.tcp.as_ref();
    let http = pool.http.as_ref();
    let per_connection = http.and_then(|http| set(http.max_requests_per_connection));
    let idle_timeout = http
        .and_then(|http| http.idle_timeout)
        .or_else(|| tcp.and_then(|tcp| tcp.idle_timeout));
    let age = tcp.and_then(|tcp| tcp.max_connection_duration);

    let mut limits = Limits::new();
    limits.max_requests = numbers.slots();
    limits.max_pending_requests = numbers.places(on_full);
    limits.max_requests_per_connection = per_connection.and_then(NonZeroU32::new);
    limits.idle_timeout = idle_timeout.and_then(|timeout| timeout.value.positive());
    limits.max_connection_duration = age.and_then(|age| age.value.positive());
    limits
}
