//! Requests come and go: a newcomer, the end of an active one, a caller that leaves, a request
//! that could not be sent.

use std::time::Duration;

use super::Machine;
use super::action::{Action, End, Placement};
use super::entry::{Request, State};
use super::key::{ConnectionKey, RequestKey};
use super::list::Links;
use super::slab::Key;
use crate::admission::{Overflow, Resource};

impl Machine {
    /// A request arrives: it is attached to the connection that became ready last; or pends,
    /// behind all that do, and connections are opened if those that are being opened don't
    /// suffice; or is refused.
    ///
    /// It is refused if no connection is ready and
    /// [`max_pending_requests`](crate::Limits::max_pending_requests) others pend; if
    /// [`max_requests`](crate::Limits::max_requests) others are active and it would be attached,
    /// or else a connection would be opened for it; and after [`close`](Self::close).
    ///
    /// A key that is returned has to be ended, once, with [`ended`](Self::ended) or
    /// [`cancelled`](Self::cancelled), unless [`Action::Refuse`] or [`Action::Fail`] ends it.
    ///
    /// # Errors
    ///
    /// The limit that refuses it; it has no key, and there is nothing to end.
    #[inline]
    pub fn request(
        &mut self,
        now: Duration,
        actions: &mut Vec<Action>,
    ) -> Result<(RequestKey, Placement), Overflow> {
        if self.shut {
            return Err(self.overflow(Resource::Closed));
        }
        let Some(index) = self.ready.front() else {
            return self.enqueue(now, actions);
        };
        if self.is_full() {
            return Err(self.overflow(Resource::MaxRequests));
        }
        let connection = self.connections.key(index);
        let request = self.requests.insert(Request::Active { connection });
        self.attach(index);
        let placement = Placement::Attached(ConnectionKey(connection));
        Ok((RequestKey(request), placement))
    }

    fn enqueue(
        &mut self,
        now: Duration,
        actions: &mut Vec<Action>,
    ) -> Result<(RequestKey, Placement), Overflow> {
        let max_pending = self.limits.max_pending_requests;
        if max_pending.is_some_and(|max| self.queue.len() >= max) {
            return Err(self.overflow(Resource::MaxPendingRequests));
        }
        let would_want_connection = u64::from(self.queue.len()) >= self.promised;
        if would_want_connection && self.is_full() && self.may_connect() {
            return Err(self.overflow(Resource::MaxRequests));
        }
        let request = self.requests.insert(self.pending_now());
        self.queue.push_back(&mut self.requests, request.index);
        self.counters.rq_pending_total += 1;
        self.try_connect(now, actions);
        Ok((RequestKey(request), Placement::Pending))
    }

    fn pending_now(&self) -> Request {
        Request::Pending {
            links: Links::NEW,
            lowered: self.lowered,
        }
    }

    /// An active request has ended, this way. Its slot goes to the oldest pending request, if its
    /// connection can carry it.
    ///
    /// After [`closed`](Self::closed) has taken its connection, this only ends the key, and
    /// completes the counters of that connection. For a request that pends it is the same as
    /// [`cancelled`](Self::cancelled).
    #[inline]
    pub fn ended(
        &mut self,
        request: RequestKey,
        end: End,
        now: Duration,
        actions: &mut Vec<Action>,
    ) {
        let Some(&Request::Active { connection }) = self.requests.get(request.0) else {
            return self.cancelled(request, now, actions);
        };
        self.requests.remove(request.0);
        if !self.leave(connection, now) {
            return self.bury(connection, end);
        }
        let index = connection.index;
        let multiplexed = self.connections[index].multiplexed;
        match end {
            End::Complete => self.make_room(index, now, actions),
            End::CompleteAndClose => {
                self.counters.cx_close_notify += 1;
                self.drain(index, actions);
            }
            End::CompleteAndLost => {
                self.connections[index].is_lost = true;
                self.drain(index, actions);
            }
            End::Lost if multiplexed => {
                let connection = &mut self.connections[index];
                connection.with_active = true;
                connection.is_lost = true;
                self.counters.rq_pending_failure_eject += 1;
                self.drain(index, actions);
            }
            End::Lost | End::Reset | End::Aborted | End::Refused => {
                if multiplexed {
                    self.count_reset(end);
                }
                self.connections[index].is_lost |= !multiplexed;
                self.interrupted(index, now, actions);
            }
        }
        self.settle(now, actions);
    }

    /// The caller of a request has left. A pending one is taken out of the queue, and the others
    /// keep their places. An active one leaves its stream on HTTP/2 (resetting it is the driver's
    /// part; it stays one of the connection's
    /// [`max_requests_per_connection`](crate::Limits::max_requests_per_connection)); on HTTP/1
    /// its connection closes, since the response may still be on its way.
    ///
    /// An active request that has not been sent yet had better [end](Self::ended) as
    /// [`End::Complete`], so that nothing is closed for it.
    pub fn cancelled(&mut self, request: RequestKey, now: Duration, actions: &mut Vec<Action>) {
        match self.requests.get(request.0) {
            None => {}
            Some(Request::Pending { .. }) => {
                self.leave_queue(request.0.index);
                self.requests.remove(request.0);
                self.counters.rq_cancelled += 1;
                self.settle(now, actions);
            }
            Some(&Request::Active { connection }) => {
                self.requests.remove(request.0);
                if !self.leave(connection, now) {
                    return self.bury(connection, End::Lost);
                }
                if self.connections[connection.index].multiplexed {
                    self.counters.rq_tx_reset += 1;
                }
                self.interrupted(connection.index, now, actions);
                self.settle(now, actions);
            }
        }
    }

    /// An active request could not be sent: its connection turned out to be dead, or to take no
    /// more, and the request is still whole. It goes to another connection, before all that
    /// pend but those that were handed back before it, whatever
    /// [`max_pending_requests`](crate::Limits::max_pending_requests) says, as it has waited its
    /// turn: [`Action::Attach`] says where. Its connection gets no more requests. Nothing that
    /// pends is refused for it.
    pub fn handed_back(&mut self, request: RequestKey, now: Duration, actions: &mut Vec<Action>) {
        let Some(&Request::Active { connection }) = self.requests.get(request.0) else {
            return;
        };
        if self.leave(connection, now) {
            self.connections[connection.index].is_lost = true;
            self.drain(connection.index, actions);
        } else {
            // Nothing of it was ever under way there.
            self.bury(connection, End::Complete);
        }
        self.wait_first(request.0.index);
        self.attach_as_allowed(actions);
        self.try_connect(now, actions);
        self.settle(now, actions);
    }

    /// A request that had its turn waits again, behind those only that did so before.
    fn wait_first(&mut self, index: u32) {
        self.requests[index] = self.pending_now();
        match self.last_handed_back.replace(index) {
            Some(last) => self.queue.insert_behind(&mut self.requests, index, last),
            None => self.queue.push_front(&mut self.requests, index),
        }
        self.counters.rq_pending_total += 1;
    }

    /// Takes a request off its connection; false if that is gone, and the request with it.
    fn leave(&mut self, connection: Key, now: Duration) -> bool {
        if self.connections.get(connection).is_none() {
            return false;
        }
        self.active -= 1;
        let index = connection.index;
        let connection = &mut self.connections[index];
        connection.active -= 1;
        if connection.active == 0 && connection.is_open() {
            connection.since = now;
            self.idle.push_back(&mut self.connections, index);
        }
        true
    }

    /// A request left its connection before it was complete.
    fn interrupted(&mut self, index: u32, now: Duration, actions: &mut Vec<Action>) {
        if self.connections[index].multiplexed {
            self.make_room(index, now, actions);
        } else {
            self.connections[index].with_active = true;
            self.close_connection(index, actions);
        }
    }

    /// A stream of a connection has become free: a draining one may now close, a busy one is
    /// ready again.
    fn make_room(&mut self, index: u32, now: Duration, actions: &mut Vec<Action>) {
        let connection = &self.connections[index];
        match connection.state {
            State::Draining if connection.active == 0 => {
                self.connections[index].looks_twice = !connection.multiplexed;
                self.close_connection(index, actions);
            }
            State::Busy if self.capacity(connection) > 0 => {
                self.enter(index, State::Ready);
                self.serve_queue(now, actions);
            }
            _ => {}
        }
    }
}
