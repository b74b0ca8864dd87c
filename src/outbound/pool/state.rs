//! [`State`]: all that is under a pool's lock.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::connections::Connections;
use super::effects::Effects;
use super::waiting::{Place, Ticket, Waiter, Waiting};
use crate::limits::Destination;
use crate::outbound::connection::{Order, Sender};
use crate::outbound::destination::{
    Action, ConnectionKey, End, Failure, Machine, RequestKey, Side,
};
use crate::outbound::error::{Cause, Error, ErrorKind};

/// The machine, and what its keys stand for.
pub(super) struct State<B> {
    pub(super) machine: Machine,
    destination: Destination,
    pub(super) connections: Connections<B>,
    pub(super) waiting: Waiting<B>,
    /// How many requests are active only since their HTTP/1 connections have not done with them.
    pub(super) finishing: u32,
    /// What the machine wants done, and kept for its memory.
    actions: Vec<Action>,
    /// Of the limits in force.
    pub(super) revision: u64,
    pub(super) is_evicted: bool,
    /// Connections need room among those of all destinations.
    has_room_to_claim: bool,
    /// Others know that there may be an idle connection to close for their sake.
    pub(super) has_offered_room: bool,
    /// The time of the last event.
    now: Duration,
    /// For when the timer's task is set; `None` if there is no task.
    pub(super) timer: Option<Duration>,
}

/// More is not kept from one event to the next.
const ACTIONS_KEPT: usize = 64;

impl<B> State<B> {
    pub(super) fn new(
        machine: Machine,
        destination: Destination,
        revision: u64,
        has_room_to_claim: bool,
    ) -> Self {
        Self {
            machine,
            destination,
            connections: Connections::new(),
            waiting: Waiting::new(),
            finishing: 0,
            actions: Vec::new(),
            revision,
            is_evicted: false,
            has_room_to_claim,
            has_offered_room: false,
            now: Duration::ZERO,
            timer: None,
        }
    }

    /// The time of an event that has looked at the clock before it had the lock: it may have come
    /// behind one that did so later, and the machine's time never goes back.
    pub(super) fn at_least(&mut self, now: Duration) -> Duration {
        self.now = self.now.max(now);
        self.now
    }

    /// Tells the machine something.
    pub(super) fn tell<R>(&mut self, event: impl FnOnce(&mut Machine, &mut Vec<Action>) -> R) -> R {
        event(&mut self.machine, &mut self.actions)
    }

    /// The sender of a connection that a request was attached to, unless it is dead.
    pub(super) fn sender(&mut self, connection: ConnectionKey) -> Option<Arc<Sender<B>>> {
        let sender = self.connections.get(connection)?.sender.as_ref()?;
        (!sender.is_dead()).then(|| sender.clone())
    }

    /// A request that was attached to a connection can't be sent there: it waits for another.
    pub(super) fn hand_back(&mut self, request: RequestKey, now: Duration) -> Ticket {
        // Before the machine knows of it, as it may have a place for it at once.
        let ticket = self.waiting.insert(request);
        self.tell(|machine, actions| machine.handed_back(request, now, actions));
        ticket
    }

    /// An active request has ended this way.
    pub(super) fn end(&mut self, request: RequestKey, end: End, now: Duration) {
        self.tell(|machine, actions| machine.ended(request, end, now, actions));
    }

    /// Brings the tables up to date with what the machine wants, and notes what is left to do
    /// without the lock.
    pub(super) fn carry_out(
        &mut self,
        now: Duration,
        cause: Option<&Cause>,
        effects: &mut Effects<B>,
    ) {
        let mut next = 0;
        // What is done may add to what is to be done.
        while let Some(&action) = self.actions.get(next) {
            next += 1;
            match action {
                Action::Open { connection } => {
                    let entry = self.connections.insert(connection, self.has_room_to_claim);
                    effects.open.push((connection, entry.control.clone()));
                    if self.has_room_to_claim {
                        self.machine.connect_postponed(connection);
                    }
                }
                Action::Attach {
                    request,
                    connection,
                } => match self.sender(connection) {
                    Some(sender) => {
                        let place = Place {
                            request,
                            connection,
                            sender,
                        };
                        effects.wake(self.waiting.settle(request, Waiter::Attached(place)));
                    }
                    None => {
                        self.tell(|machine, actions| machine.handed_back(request, now, actions));
                    }
                },
                Action::Refuse { request, overflow } => {
                    let error = Error::before(ErrorKind::Overflow(overflow), &self.destination);
                    effects.wake(self.waiting.settle(request, Waiter::Failed(error)));
                }
                Action::Fail { request, failure } => {
                    let kind = match failure {
                        Failure::ConnectTimedOut => ErrorKind::ConnectTimedOut,
                        Failure::ConnectFailed => ErrorKind::ConnectFailed,
                    };
                    let error = Error::before(kind, &self.destination).because(cause.cloned());
                    effects.wake(self.waiting.settle(request, Waiter::Failed(error)));
                }
                Action::Close { connection } => self.close(connection, now, effects),
            }
        }
        self.actions.clear();
        if self.actions.capacity() > ACTIONS_KEPT {
            self.actions = Vec::new();
        }
    }

    fn close(&mut self, connection: ConnectionKey, now: Duration, effects: &mut Effects<B>) {
        let Some(entry) = self.connections.get(connection) else {
            return;
        };
        if mem::take(&mut entry.is_blocked) {
            effects.forget.push(connection);
            self.connections.remove(connection);
            return self.tell(|machine, actions| {
                machine.closed(connection, Side::Local, now, actions);
            });
        }
        let is_idle = entry
            .sender
            .as_ref()
            .is_some_and(|sender| sender.is_ready());
        let order = if is_idle { Order::Close } else { Order::Abort };
        effects.orders.push((entry.control.clone(), order));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::limits::Scheme;
    use crate::outbound::destination::Expected;

    #[test]
    fn the_machines_time_never_goes_back() {
        let machine = Machine::new(Limits::new(), Expected::Http1);
        let user = Destination::new(Scheme::Http, "user", 80);
        let mut state = State::<()>::new(machine, user, 0, false);
        let times = [1, 3, 2, 3, 4].map(Duration::from_millis);
        let times = times.map(|now| state.at_least(now).as_millis());
        assert_eq!(times, [1, 3, 3, 3, 4]);
    }
}
