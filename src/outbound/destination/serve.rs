//! Attaching requests to connections: the newcomer's, and the queue's.

use std::time::Duration;

use super::Machine;
use super::action::Action;
use super::entry::{Request, State};
use super::key::{ConnectionKey, RequestKey};
use crate::admission::Resource;

impl Machine {
    /// Gives a stream of a ready connection to a request.
    #[inline]
    pub(super) fn attach(&mut self, index: u32) {
        let lifetime = self.lifetime();
        let connection = &mut self.connections[index];
        let was_idle = connection.active == 0;
        connection.active += 1;
        connection.carried = connection.carried.saturating_add(1);
        let is_spent = connection.carried >= lifetime;
        if was_idle {
            self.idle.remove(&mut self.connections, index);
        }
        if is_spent {
            self.counters.cx_max_requests += 1;
            self.enter(index, State::Draining);
        } else if self.capacity(&self.connections[index]) <= 0 {
            self.enter(index, State::Busy);
        }
        self.active += 1;
        self.counters.rq_total += 1;
    }

    /// Attaches what pends to what is ready; if any remain, connections are opened.
    pub(super) fn serve_queue(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.attach_queued(actions);
        self.try_connect(now, actions);
    }

    /// While there is a ready connection, the oldest pending request leaves the queue: attached,
    /// or refused, if [`max_requests`](crate::Limits::max_requests) leaves no room; it pends on, if
    /// that was lowered since it came.
    fn attach_queued(&mut self, actions: &mut Vec<Action>) {
        self.attach_as_allowed(actions);
        while let (Some(index), Some(_)) = (self.queue.front(), self.ready.front()) {
            match self.requests[index] {
                Request::Pending { lowered, .. } if lowered == self.lowered => {
                    self.refuse_first(actions);
                }
                _ => return,
            }
        }
    }

    /// Attaches what pends to what is ready, as far as there is room.
    pub(super) fn attach_as_allowed(&mut self, actions: &mut Vec<Action>) {
        while let (Some(index), Some(ready)) = (self.queue.front(), self.ready.front()) {
            if self.is_full() {
                return;
            }
            let request = RequestKey(self.requests.key(index));
            let connection = self.connections.key(ready);
            self.leave_queue(index);
            self.requests[index] = Request::Active { connection };
            self.attach(ready);
            actions.push(Action::Attach {
                request,
                connection: ConnectionKey(connection),
            });
        }
    }

    fn refuse_first(&mut self, actions: &mut Vec<Action>) {
        if let Some(request) = self.dequeue() {
            let overflow = self.overflow(Resource::MaxRequests);
            actions.push(Action::Refuse { request, overflow });
        }
    }

    /// The end of an event: what it made possible.
    #[inline]
    pub(super) fn settle(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.queue.is_empty() {
            self.held_back = false;
        } else {
            self.serve_rest(now, actions);
        }
        self.close_excess(actions);
    }

    /// What still pends after an event: some may pend though a connection is ready, or could be
    /// opened, since a change found no room for active requests; now there may be.
    #[cold]
    fn serve_rest(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.limits.max_requests == Some(0) && self.active == 0 {
            // Nothing will ever bring them up again.
            while !self.queue.is_empty() {
                self.refuse_first(actions);
            }
        } else if !self.is_full() {
            self.attach_as_allowed(actions);
            if self.held_back {
                self.connect_all(now, actions);
            }
        }
    }
}
