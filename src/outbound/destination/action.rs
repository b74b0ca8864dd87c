//! What the machine wants done, and what it is told.

use super::key::{ConnectionKey, RequestKey};
use crate::admission::Overflow;

/// What the driver has to do, in this order, once it has left the lock.
///
/// This list is complete on purpose: to add to it is a breaking change, since a driver that does
/// not know an action would be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open a connection. Answer with [`connected`](super::Machine::connected), or with
    /// [`closed`](super::Machine::closed) if it fails.
    Open {
        /// Names it from now on.
        connection: ConnectionKey,
    },
    /// Send a request that was pending, on this connection.
    Attach {
        /// The oldest that was pending.
        request: RequestKey,
        /// Where it has a stream from now on.
        connection: ConnectionKey,
    },
    /// Answer a request that was pending: its connection is there, and a limit leaves no room for
    /// it. It has ended.
    Refuse {
        /// The request, whose key is stale now.
        request: RequestKey,
        /// The limit.
        overflow: Overflow,
    },
    /// Answer a request that was pending: there is no connection for it. It has ended, and no part
    /// of it has left.
    Fail {
        /// The request, whose key is stale now.
        request: RequestKey,
        /// Why.
        failure: Failure,
    },
    /// Close a connection, or give up to open it. Answer with [`closed`](super::Machine::closed)
    /// when its socket is gone; until then it holds its slot.
    Close {
        /// Nothing is sent on it any more.
        connection: ConnectionKey,
    },
}

/// Why there is no connection for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// A connection could not be made. Envoy: 503, flag `UF`.
    ConnectFailed,
    /// A connection took longer than [`connect_timeout`](crate::Limits::connect_timeout). Envoy:
    /// 503, flag `UF`.
    ConnectTimedOut,
}

/// Where a request is to go.
///
/// Complete on purpose, as [`Action`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// On this connection, at once: it is active.
    Attached(ConnectionKey),
    /// Nowhere yet: it is pending, until an [`Action`] names it.
    Pending,
}

/// How an active request has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// Nothing of it is left on the connection, which can carry the next one: request and
    /// response are complete, or nothing was ever sent.
    Complete,
    /// It is complete, and the response said `connection: close`. An HTTP/1 connection closes; an
    /// HTTP/2 one drains.
    CompleteAndClose,
    /// It is complete, and the peer has closed the connection without having said so: to be looked
    /// for before the end of a request is reported, so that no other is sent after it.
    CompleteAndLost,
    /// Its connection is lost: [`closed`](super::Machine::closed) has said so, or will. No other
    /// request is to go there.
    Lost,
    /// The peer reset it. On HTTP/2 the connection stays; HTTP/1 can end a request in no other
    /// way than with its connection.
    Reset,
    /// This side reset it: its body failed, or what the peer sent is no response. As `Reset`, but
    /// counted as this side's.
    Aborted,
    /// The peer refused it, and has not looked at it (HTTP/2 `REFUSED_STREAM`). As `Reset`, but
    /// not counted as one.
    Refused,
}

/// Which side ended a connection. Envoy counts them apart. There is no third.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// This one.
    Local,
    /// The peer.
    Remote,
}

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// One request at a time.
    Http1,
    /// Many streams at a time.
    Http2,
}

/// What connections will speak, as far as that is known before they are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expected {
    /// HTTP/1: each pending request has a connection opened for it.
    Http1,
    /// HTTP/2 by prior knowledge: one connection is opened for all that it can carry.
    Http2,
    /// Whichever the handshake (ALPN) settles on. A connection counts as one of what the last one
    /// turned out to speak, the first as HTTP/2: a burst to a destination that speaks HTTP/2 is
    /// not to open one for each request, and if it speaks HTTP/1 the others are opened as soon as
    /// that is known.
    Negotiated,
}
