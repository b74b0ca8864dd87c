//! What a rule means for the requests that a process serves.
//!
//! In a process no connection has to be opened before a request can run, so there is nothing to
//! wait for but a slot. With M = `maxConnections`, R = `http2MaxRequests` and
//! P = `http1MaxPendingRequests`, unset or 0 being unlimited:
//!
//! - slots = min(M, R)
//! - places = P if M ≤ R, else 0 ([`OnFull::Refuse`]), or P whenever it is set ([`OnFull::Wait`])
//!
//! On HTTP/2 and gRPC one connection carries many requests, so there M limits nothing.

use super::outbound::{limited, of_connections};
use super::{Envoy, Protocol, Thresholds};
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

/// The thresholds that decide over slots and places; `None` is unlimited.
#[derive(Clone, Copy, Debug)]
pub(in crate::istio) struct Numbers {
    pub(in crate::istio) max_connections: Option<u32>,
    pub(in crate::istio) max_requests: Option<u32>,
    pub(in crate::istio) max_pending: Option<u32>,
}

impl Numbers {
    pub(in crate::istio) fn of(thresholds: &Thresholds, protocol: Protocol) -> Self {
        let max_connections = limited(thresholds.max_connections);
        Self {
            max_connections: max_connections.filter(|_| !protocol.is_http2()),
            max_requests: limited(thresholds.max_requests),
            max_pending: limited(thresholds.max_pending_requests),
        }
    }

    pub(in crate::istio) fn slots(self) -> Option<u32> {
        match (self.max_connections, self.max_requests) {
            (Some(connections), Some(requests)) => Some(connections.min(requests)),
            (one, other) => one.or(other),
        }
    }

    /// Whether a request meets the limit on requests before the one on connections: R < M.
    pub(in crate::istio) fn requests_are_tighter(self) -> bool {
        match (self.max_requests, self.max_connections) {
            (Some(requests), Some(connections)) => requests < connections,
            (requests, _) => requests.is_some(),
        }
    }

    pub(in crate::istio) fn places(self, on_full: OnFull) -> Option<u32> {
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

/// The limits for the requests that a process serves.
pub(in crate::istio) fn inbound(envoy: &Envoy<'_>, protocol: Protocol, on_full: OnFull) -> Limits {
    let numbers = Numbers::of(&envoy.thresholds, protocol);
    let mut limits = of_connections(envoy);
    limits.max_requests = numbers.slots();
    limits.max_pending_requests = numbers.places(on_full);
    limits
}
