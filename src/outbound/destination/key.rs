//! How the machine and its driver name requests and connections to each other.

use super::slab;

/// Names a request from [`request`](super::Machine::request) until it has ended.
///
/// It is a small number to copy. One whose request has ended is *stale*: it names nothing, never
/// another request, and to pass it does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey(pub(super) slab::Key);

impl RequestKey {
    /// A small number, for a table beside the machine: no two requests have the same at the same
    /// time, and it is less than the most there ever were since the last time that there were
    /// none.
    pub const fn index(self) -> usize {
        self.0.index as usize
    }
}

/// Names a connection from [`Action::Open`](super::Action::Open) until it has closed.
///
/// It is a small number to copy. One whose connection has closed is *stale*: it names nothing,
/// never another connection, and to pass it does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionKey(pub(super) slab::Key);

impl ConnectionKey {
    /// A small number, for a table beside the machine: no two connections have the same at the
    /// same time, and it is less than the most there ever were since the last time that there
    /// were none.
    pub const fn index(self) -> usize {
        self.0.index as usize
    }
}
