//! [`Machine`]: its state, and what can be asked of it. What happens to it is in the other files,
//! each with one kind of event.

use std::collections::HashMap;
use std::time::Duration;

use super::action::{Expected, Protocol};
use super::entry::{Aged, Connection, Gone, Queue, Ready, Request, Timed};
use super::key::{ConnectionKey, RequestKey};
use super::list::List;
use super::slab::{Key, Slab};
use super::stats::{CircuitBreakers, Counters, Stats};
use crate::admission::{Overflow, Resource};
use crate::limits::Limits;

/// The pool of one destination, as a machine: it is told what happens, and says what to do. See
/// the [module](super).
#[derive(Debug)]
pub struct Machine {
    pub(super) limits: Limits,
    pub(super) expected: Expected,
    /// What the last connection turned out to speak, where that is negotiated.
    pub(super) negotiated: Protocol,
    pub(super) requests: Slab<Request>,
    pub(super) connections: Slab<Connection>,
    /// By the keys they had.
    pub(super) gone: HashMap<Key, Gone>,
    pub(super) queue: List<Queue>,
    /// The last of those in front of the queue that were handed back.
    pub(super) last_handed_back: Option<u32>,
    pub(super) ready: List<Ready>,
    pub(super) connecting: List<Timed>,
    /// Connecting as well, but for those that have not begun.
    pub(super) postponed: List<Timed>,
    pub(super) idle: List<Timed>,
    pub(super) aged: List<Aged>,
    /// Streams that the connecting connections count for.
    pub(super) promised: u64,
    /// Connections that the driver was told to close, and that have not closed.
    pub(super) closing: u32,
    pub(super) active: u32,
    pub(super) retries: u32,
    /// Requests pend that no connection was opened for, since there was no room for active ones;
    /// none is until there is.
    pub(super) held_back: bool,
    /// How often [`max_requests`](Limits::max_requests) was lowered, modulo a large number. Who
    /// pended before is not refused by it.
    pub(super) lowered: u16,
    pub(super) shut: bool,
    pub(super) counters: Counters,
}

impl Machine {
    /// A destination with no connection and no request.
    pub fn new(limits: Limits, expected: Expected) -> Self {
        Self {
            limits,
            expected,
            negotiated: Protocol::Http2,
            requests: Slab::new(),
            connections: Slab::new(),
            gone: HashMap::new(),
            queue: List::new(),
            last_handed_back: None,
            ready: List::new(),
            connecting: List::new(),
            postponed: List::new(),
            idle: List::new(),
            aged: List::new(),
            promised: 0,
            closing: 0,
            active: 0,
            retries: 0,
            held_back: false,
            lowered: 0,
            shut: false,
            counters: Counters::default(),
        }
    }

    /// The limits in force.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether it has neither a request nor a connection, nor a retry that is yet to come, so that
    /// nothing is lost with it.
    pub const fn is_empty(&self) -> bool {
        self.requests.len() == 0 && self.connections.len() == 0 && self.retries == 0
    }

    /// Whether [`close`](Self::close) was called.
    pub const fn is_closed(&self) -> bool {
        self.shut
    }

    /// Whether a request is pending.
    pub const fn has_pending(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Since when it has had nothing to do, though there are connections: it has neither a request
    /// nor a retry, and this is when the last connection became idle or began to connect. See
    /// [`close_unused`](Self::close_unused).
    pub fn idle_since(&self) -> Option<Duration> {
        if self.requests.len() > 0 || self.retries > 0 {
            return None;
        }
        let last = [self.idle.back(), self.connecting.back()];
        let since = last.into_iter().flatten();
        since.map(|index| self.connections[index].since).max()
    }

    /// The connection that has been idle for longest, if one is: the one to close, as by
    /// [`close_idle`](Self::close_idle), where others need its room.
    pub fn longest_idle(&self) -> Option<ConnectionKey> {
        let index = self.idle.front()?;
        Some(ConnectionKey(self.connections.key(index)))
    }

    /// The connection whose connect has taken longest, if one has begun: the next to close where
    /// others need its room, if it connects for nobody.
    pub fn longest_connecting(&self) -> Option<ConnectionKey> {
        let index = self.connecting.front()?;
        Some(ConnectionKey(self.connections.key(index)))
    }

    /// What was counted, and where it stands.
    pub fn stats(&self) -> Stats {
        let (connections, pending) = (self.connections.len(), self.queue.len());
        let left = |max: Option<u32>, used: u32| max.map(|max| max.saturating_sub(used));
        let remaining_cx = left(
            self.limits.max_connections.map(|max| max.max(1)),
            connections,
        );
        let remaining_rq = left(self.limits.max_requests, self.active);
        let remaining_pending = left(self.limits.max_pending_requests, pending);
        let remaining_retries = left(self.max_retries(0), self.retries);
        Stats {
            counters: self.counters,
            circuit_breakers: CircuitBreakers {
                cx_open: remaining_cx == Some(0),
                rq_open: remaining_rq == Some(0),
                rq_pending_open: remaining_pending == Some(0),
                rq_retry_open: remaining_retries == Some(0),
                remaining_cx,
                remaining_rq,
                remaining_pending,
                remaining_retries,
            },
            rq_active: self.active,
            rq_pending_active: pending,
            cx_active: connections,
            retries_active: self.retries,
        }
    }

    /// Whether [`max_requests`](Limits::max_requests) has no room for one more.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.limits
            .max_requests
            .is_some_and(|max| self.active >= max)
    }

    /// Whether those that are active and those that have a connection on its way leave
    /// [`max_requests`](Limits::max_requests) no room for more.
    pub(super) fn is_spoken_for(&self) -> bool {
        let used = u64::from(self.active).saturating_add(self.promised);
        self.limits
            .max_requests
            .is_some_and(|max| used >= u64::from(max))
    }

    /// The refusal of a request by a limit, counted.
    #[cold]
    pub(super) fn overflow(&mut self, resource: Resource) -> Overflow {
        let limit = match resource {
            Resource::MaxRequests => {
                self.counters.rq_active_overflow += 1;
                self.limits.max_requests
            }
            Resource::MaxPendingRequests => {
                self.counters.rq_pending_overflow += 1;
                self.limits.max_pending_requests
            }
            Resource::Closed => None,
        };
        Overflow {
            resource,
            limit: limit.unwrap_or(0),
            active: self.active,
            pending: self.queue.len(),
        }
    }

    /// Takes a request out of the queue.
    #[inline]
    pub(super) fn leave_queue(&mut self, index: u32) {
        if self.last_handed_back == Some(index) {
            self.last_handed_back = List::<Queue>::before(&mut self.requests, index);
        }
        self.queue.remove(&mut self.requests, index);
    }

    /// Takes the oldest pending request out: it has ended.
    pub(super) fn dequeue(&mut self) -> Option<RequestKey> {
        let index = self.queue.front()?;
        self.leave_queue(index);
        let key = self.requests.key(index);
        self.requests.remove(key);
        Some(RequestKey(key))
    }
}
