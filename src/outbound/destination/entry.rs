//! What is kept of a request and of a connection.

use std::time::Duration;

use super::action::Side;
use super::list::{Linked, Links};
use super::slab::Key;

/// A request, in 20 bytes.
#[derive(Debug)]
pub(super) enum Request {
    Pending {
        links: Links,
        /// What [`Machine::lowered`](super::Machine) was when it came.
        lowered: u16,
    },
    /// The connection may be gone already: that ends a request's activity, its key goes stale
    /// only when its holder ends it.
    Active { connection: Key },
}

/// All pending requests, oldest first.
#[derive(Debug)]
pub(super) struct Queue;

impl Linked<Queue> for Request {
    #[inline]
    fn links(&mut self) -> &mut Links {
        match self {
            Self::Pending { links, .. } => links,
            Self::Active { .. } => unreachable!("only pending requests are in the queue"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Connecting,
    /// Room for a stream.
    Ready,
    /// No room at the moment.
    Busy,
    /// No room ever again; closes when its last stream has ended.
    Draining,
    /// The driver was told to close it.
    Closing,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) state: State,
    pub(super) multiplexed: bool,
    /// It was told to close since it seems that the peer has ended it, or a request on it.
    pub(super) is_lost: bool,
    /// While connecting: its connect has not begun.
    pub(super) is_postponed: bool,
    /// It closed under a request.
    pub(super) with_active: bool,
    /// It is an HTTP/1 one that closes after a complete response: Envoy looks at the queue when
    /// it has closed, and once more on the next turn of its loop.
    pub(super) looks_twice: bool,
    pub(super) active: u32,
    /// How many requests it has carried or carries.
    pub(super) carried: u32,
    /// How many streams the peer allows.
    pub(super) peer_streams: u32,
    /// While connecting: the streams that it counts for.
    pub(super) promised: u32,
    /// When its connect began; later, when it was last found without a stream.
    pub(super) since: Duration,
    pub(super) connected_at: Duration,
    pub(super) ready: Links,
    pub(super) timed: Links,
    pub(super) aged: Links,
}

impl Connection {
    pub(super) const fn new(multiplexed: bool, now: Duration) -> Self {
        Self {
            state: State::Connecting,
            multiplexed,
            is_lost: false,
            is_postponed: false,
            with_active: false,
            looks_twice: false,
            active: 0,
            carried: 0,
            peer_streams: u32::MAX,
            promised: 0,
            since: now,
            connected_at: now,
            ready: Links::NEW,
            timed: Links::NEW,
            aged: Links::NEW,
        }
    }

    /// Whether it is connected, and will carry more.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, State::Ready | State::Busy)
    }
}

/// A connection that is gone before the holders of its requests have come to an end with them:
/// whether it went under them or after them, they will know.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) by: Side,
    pub(super) multiplexed: bool,
    /// Requests that are yet to be ended.
    pub(super) orphans: u32,
    /// It went under one of them.
    pub(super) with_active: bool,
}

/// Connections with room for a stream, the one that had it last first.
#[derive(Debug)]
pub(super) struct Ready;

impl Linked<Ready> for Connection {
    #[inline]
    fn links(&mut self) -> &mut Links {
        &mut self.ready
    }
}

/// Connections that connect, or those that idle, by how long they have: a connection is in one of
/// the two at a time. Timeouts are the same for all, so that the order of entry is the order of
/// the deadlines.
#[derive(Debug)]
pub(super) struct Timed;

impl Linked<Timed> for Connection {
    #[inline]
    fn links(&mut self) -> &mut Links {
        &mut self.timed
    }
}

/// Open connections, oldest first.
#[derive(Debug)]
pub(super) struct Aged;

impl Linked<Aged> for Connection {
    #[inline]
    fn links(&mut self) -> &mut Links {
        &mut self.aged
    }
}
