//! What happens to a pool, each as one event under the lock.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::effects::{Effects, Freed, Timer};
use super::lease::{Lease, Lessor};
use super::state::State;
use super::waiting::{Ticket, Waiter};
use super::{Pending, Pool, timer};
use crate::limits::Limits;
use crate::outbound::connection::{Control, Order, Owner, Sender};
use crate::outbound::destination::{ConnectionKey, End, Placement, Protocol, RequestKey};
use crate::outbound::destinations::Claim;
use crate::outbound::error::{Cause, Error, ErrorKind};

/// What has become of a new request.
pub(crate) enum Admitted<B: Send + 'static> {
    /// It is active.
    Attached(Lease, Arc<Sender<B>>),
    Pending(Pending<B>),
}

impl<B: Send + 'static> Pool<B> {
    /// Takes the lock, has something happen, leaves the lock, and does what that wants done.
    fn event<R>(
        self: &Arc<Self>,
        cause: Option<&Cause>,
        happens: impl FnOnce(&mut State<B>, Duration, &mut Effects<B>) -> R,
    ) -> R {
        let mut effects = Effects::new();
        let now = self.now();
        let result = {
            let mut state = self.lock();
            let now = state.at_least(now);
            let result = happens(&mut state, now, &mut effects);
            state.carry_out(now, cause, &mut effects);
            if self.all.has_room_to_claim() {
                self.share_room(&mut state, now, &mut effects);
            }
            state.set_timer(&mut effects);
            effects.is_empty = state.machine.is_empty();
            result
        };
        self.follow_up(effects);
        result
    }

    /// Connections that nobody uses close as long as others want their room, unless somebody here
    /// waits as well; if nobody does, others know where to ask.
    fn share_room(self: &Arc<Self>, state: &mut State<B>, now: Duration, effects: &mut Effects<B>) {
        while let Some(spare) = state.spare_connection() {
            let is_wanted = self.all.is_short_of_room()
                || (!std::mem::replace(&mut state.has_offered_room, true)
                    && self.all.offer_room(self));
            if !is_wanted {
                return;
            }
            self.all.will_give_room();
            state.give_up(spare, now);
            state.carry_out(now, None, effects);
        }
        if state.connections.is_empty() {
            state.has_offered_room = false;
            self.all.withdraw_offer(self);
        }
    }

    fn follow_up(self: &Arc<Self>, mut effects: Effects<B>) {
        // Before room is claimed: a connection that takes the place of another is to close no third.
        if let Some(freed) = effects.room.take() {
            self.all.give_room(freed.was_promised);
        }
        for connection in effects.forget.drain(..) {
            self.all.forget(self, connection);
        }
        for (connection, control) in effects.open.drain(..) {
            match self.all.claim_room(self, connection) {
                Claim::Boundless => self.open(connection, control),
                Claim::Granted => {
                    if !self.unblock(connection) {
                        self.all.give_room(false);
                    }
                }
                // Closed before it was in the queue, it was not there to be forgotten.
                Claim::Queued if !self.is_blocked(connection) => self.all.forget(self, connection),
                Claim::Queued => self.all.make_room(),
            }
        }
        match effects.timer.take() {
            Some(Timer::Start) => {
                self.runtime().spawn(timer::run(self.clone()));
            }
            Some(Timer::LookAgain) => self.timer.notify_one(),
            None => {}
        }
        if effects.is_empty {
            self.all.one_is_empty();
        }
        effects.drop.clear();
        effects.wake_all();
    }

    fn is_blocked(&self, key: ConnectionKey) -> bool {
        let mut state = self.lock();
        let entry = state.connections.get(key);
        entry.is_some_and(|entry| entry.is_blocked)
    }

    fn runtime(&self) -> Handle {
        Handle::try_current().unwrap_or_else(|_| self.runtime.clone())
    }

    fn open(self: &Arc<Self>, key: ConnectionKey, control: Arc<Control>) {
        let task = self.all.opener.open(self.clone(), key, control);
        self.runtime().spawn(task);
    }

    /// A request arrives. `None` if this pool was evicted: look for another.
    pub(crate) fn request(self: &Arc<Self>) -> Option<Result<Admitted<B>, Error>> {
        enum Found<B> {
            Stream(RequestKey, ConnectionKey, Arc<Sender<B>>),
            Pending(Ticket),
        }
        let found = self.event(None, |state, now, _| {
            if state.is_evicted {
                return None;
            }
            let placed = state.tell(|machine, actions| machine.request(now, actions));
            Some(placed.map(|(request, placement)| match placement {
                Placement::Pending => Found::Pending(state.waiting.insert(request)),
                Placement::Attached(connection) => match state.sender(connection) {
                    Some(sender) => Found::Stream(request, connection, sender),
                    None => Found::Pending(state.hand_back(request, now)),
                },
            }))
        })?;
        Some(match found {
            Ok(Found::Stream(request, connection, sender)) => Ok(Admitted::Attached(
                Lease::new(self.clone(), request, connection),
                sender,
            )),
            Ok(Found::Pending(ticket)) => Ok(Admitted::Pending(Pending::new(self.clone(), ticket))),
            Err(overflow) => Err(Error::before(
                ErrorKind::Overflow(overflow),
                &self.destination,
            )),
        })
    }

    /// An active request could not be sent where it was to go, and waits for another connection.
    pub(crate) fn hand_back(self: &Arc<Self>, lease: Lease) -> Pending<B> {
        let request = lease.into_request();
        let ticket = self.event(None, |state, now, _| state.hand_back(request, now));
        Pending::new(self.clone(), ticket)
    }

    /// The future of a pending request is gone. Returns what it left, to be dropped by the caller.
    pub(super) fn abandon(self: &Arc<Self>, ticket: Ticket) -> Waiter<B> {
        self.event(None, |state, now, _| {
            let waiter = state.waiting.remove(ticket);
            match &waiter {
                Waiter::Pending(request, _) => {
                    state.tell(|machine, actions| machine.cancelled(*request, now, actions));
                }
                // Nothing was sent: the next one can have the stream.
                Waiter::Attached(place) => {
                    state.end(place.request, End::Complete, now);
                }
                Waiter::Failed(_) | Waiter::Free => {}
            }
            waiter
        })
    }

    /// Other limits are in force. Of two that come at the same time the later ones stay.
    pub(crate) fn set_limits(self: &Arc<Self>, limits: Limits, revision: u64) {
        self.event(None, |state, now, _| {
            if revision >= state.revision {
                state.revision = revision;
                if *state.machine.limits() != limits {
                    state.tell(|machine, actions| machine.set_limits(limits, now, actions));
                }
            }
        });
    }

    /// Admits nothing new, and closes each connection when it has nothing to do.
    pub(crate) fn close(self: &Arc<Self>) {
        self.event(None, |state, now, _| {
            state.tell(|machine, actions| machine.close(now, actions));
        });
    }

    /// Closes all connections, if it has been [idle](Use::IdleSince) since then.
    pub(crate) fn close_if_idle_since(self: &Arc<Self>, then: Instant) {
        self.event(None, |state, now, _| {
            if state.machine.idle_since() == Some(then - self.epoch) {
                state.tell(|machine, actions| machine.close_unused(now, actions));
            }
        });
    }

    /// Closes unused connections that others want the room of. What was offered is taken.
    pub(crate) fn yield_room(self: &Arc<Self>) {
        // Each event sees to it.
        self.event(None, |state, _, _| state.has_offered_room = false);
    }

    /// There is room for a connection that had none. False if it is not wanted any more.
    pub(crate) fn unblock(self: &Arc<Self>, key: ConnectionKey) -> bool {
        let control = self.event(None, |state, now, _| {
            let entry = state.connections.get(key)?;
            entry.is_blocked = false;
            let control = entry.control.clone();
            state.machine.connect_begins(key, now);
            Some(control)
        });
        let is_wanted = control.is_some();
        if let Some(control) = control {
            self.open(key, control);
        }
        is_wanted
    }

    /// Does what is due. Returns when to come again; `None` is never, and the timer has ended.
    pub(super) fn tick(self: &Arc<Self>) -> Option<Instant> {
        let deadline = self.event(None, |state, now, _| {
            state.tell(|machine, actions| machine.tick(now, actions));
            state.timer = state.machine.next_deadline();
            state.timer
        });
        deadline.map(|deadline| self.instant(deadline))
    }
}

impl<B> State<B> {
    /// A connection that nobody here waits for: idle, or connecting for a request that has gone.
    fn spare_connection(&self) -> Option<ConnectionKey> {
        if self.machine.has_pending() {
            return None;
        }
        let idle = self.machine.longest_idle();
        idle.or_else(|| self.machine.longest_connecting())
    }

    /// Closes it for the sake of others.
    fn give_up(&mut self, spare: ConnectionKey, now: Duration) {
        self.tell(|machine, actions| machine.close_idle(spare, now, actions));
        if let Some(entry) = self.connections.get(spare) {
            entry.makes_room = true;
        }
    }
}

impl<B: Send + 'static> Lessor for Pool<B> {
    fn completed(self: Arc<Self>, request: RequestKey, connection: ConnectionKey) {
        self.event(None, |state, now, effects| {
            let end = match state.connections.get(connection) {
                Some(entry) => match &entry.sender {
                    Some(sender) if sender.is_ready() => End::Complete,
                    Some(sender) if !sender.is_dead() => {
                        entry.finishing = Some(request);
                        state.finishing += 1;
                        effects.orders.push((entry.control.clone(), Order::MoveOn));
                        return;
                    }
                    _ => End::CompleteAndLost,
                },
                None => End::Complete,
            };
            state.end(request, end, now);
        });
    }

    fn ended(self: Arc<Self>, request: RequestKey, end: End) {
        self.event(None, |state, now, _| state.end(request, end, now));
    }

    fn cancelled(self: Arc<Self>, request: RequestKey) {
        self.event(None, |state, now, _| {
            state.tell(|machine, actions| machine.cancelled(request, now, actions));
        });
    }

    fn upgraded(self: Arc<Self>, request: RequestKey, connection: ConnectionKey) {
        self.event(None, |state, now, _| {
            match state.connections.get(connection) {
                Some(entry) => entry.upgraded = Some(request),
                None => state.end(request, End::Reset, now),
            }
        });
    }
}

impl<B: Send + 'static> Owner<B> for Pool<B> {
    fn connected(self: Arc<Self>, key: ConnectionKey, protocol: Protocol, sender: Arc<Sender<B>>) {
        self.event(None, |state, now, _| {
            if let Some(entry) = state.connections.get(key) {
                entry.sender = Some(sender);
                state.tell(|machine, actions| machine.connected(key, protocol, now, actions));
            }
        });
    }

    fn moved_on(self: Arc<Self>, key: ConnectionKey) -> bool {
        self.event(None, |state, now, _| {
            let Some(entry) = state.connections.get(key) else {
                return true;
            };
            let (Some(request), Some(sender)) = (entry.finishing, &entry.sender) else {
                return true;
            };
            if !sender.is_ready() {
                return false;
            }
            entry.finishing = None;
            state.finishing -= 1;
            state.end(request, End::Complete, now);
            true
        })
    }

    fn settings(self: Arc<Self>, key: ConnectionKey, max_streams: u32) {
        self.event(None, |state, now, _| {
            state.tell(|machine, actions| machine.settings(key, max_streams, now, actions));
        });
    }

    fn go_away(self: Arc<Self>, key: ConnectionKey) {
        self.event(None, |state, now, _| {
            state.tell(|machine, actions| machine.go_away(key, now, actions));
        });
    }

    fn closed(self: Arc<Self>, key: ConnectionKey, control: &Control) {
        let cause = control.error();
        self.event(cause.as_ref(), |state, now, effects| {
            let Some(entry) = state.connections.remove(key) else {
                return;
            };
            effects.room = Some(Freed {
                was_promised: entry.makes_room,
            });
            if let Some(request) = entry.finishing {
                state.finishing -= 1;
                state.end(request, End::CompleteAndLost, now);
            }
            let by = control.ended_by();
            state.tell(|machine, actions| machine.closed(key, by, now, actions));
            if let Some(request) = entry.upgraded {
                state.end(request, End::Reset, now);
            }
            effects.drop.extend(entry.sender);
        });
    }
}
