//! [`Course`]: what is to become of a connection, decided from its state and the time alone.

use std::time::Duration;

use tokio::time::Instant;

use super::watcher::Policy;
use crate::Limits;
use crate::inbound::connection::{Connection, Protocol};

/// How long GOAWAY waits for the response to the last stream.
///
/// A client may take a GOAWAY that comes while it is still busy sending a request for the failure
/// of that request, though it is being served: hyper does. By the time there is a response, or
/// this long after, it has long been sent.
const GOAWAY_DELAY: Duration = Duration::from_millis(10);

/// How far a connection is on its way to its end.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// Since when it has carried its number of requests (HTTP/2).
    carried: Option<Instant>,
    /// Since when it is asked to close.
    retired: Option<Instant>,
    /// Since when it may not even finish what is active beyond the grace period.
    ending: Option<Instant>,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask it to close.
    Retire,
    /// Drop it: the grace period is over.
    Expire,
    /// Drop it: its peer takes nothing.
    Stall(Duration),
    /// Ask again then, if at all.
    Wait(Option<Instant>),
}

/// Collects the moments at which something is due.
struct Due {
    now: Instant,
    next: Option<Instant>,
}

impl Due {
    /// Whether `period` after `since` is past; if not, it is noted.
    fn is_past(&mut self, since: Instant, period: Duration) -> bool {
        // A moment beyond what an instant can hold is never.
        let Some(moment) = since.checked_add(period) else {
            return false;
        };
        if moment <= self.now {
            return true;
        }
        self.next = Some(self.next.map_or(moment, |next| next.min(moment)));
        false
    }

    /// The same for idleness. While a request is active it cannot be past within the period.
    fn is_idle_past(&mut self, since: Option<Instant>, period: Duration) -> bool {
        match since {
            Some(since) => self.is_past(since, period),
            // Not zero, or a request that is active would be asked after without end.
            None => self.is_past(self.now, period.max(Duration::from_millis(1))),
        }
    }
}

impl Course {
    /// Whether it was asked to close.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.is_some()
    }

    /// Whether to ask it to close before it is polled, so that GOAWAY comes before the last
    /// response, and a client that has read that sends no further request.
    pub(super) fn retires_with_the_last_response(&mut self, connection: &Connection) -> bool {
        let retires = self.retired.is_none()
            && connection.has_answered_last()
            && connection.protocol() == Protocol::Http2;
        if retires {
            self.retired = Some(Instant::now());
        }
        retires
    }

    /// Whether it has carried its number of requests, and is to be asked to close for it now.
    ///
    /// HTTP/1 closes by the header of the last response. To ask for more would also take the
    /// upgrade from a request that is to have one.
    fn has_carried(&mut self, connection: &Connection, due: &mut Due) -> bool {
        let count = connection.count();
        if connection.protocol() != Protocol::Http2 || !count.is_reached() {
            self.carried = None;
            return false;
        }
        let carried = *self.carried.get_or_insert(due.now);
        count.is_exceeded() || connection.has_answered_last() || due.is_past(carried, GOAWAY_DELAY)
    }

    pub(super) fn step(
        &mut self,
        connection: &Connection,
        policy: &Policy,
        limits: &Limits,
        shutdown: bool,
        now: Instant,
    ) -> Step {
        let mut due = Due { now, next: None };
        // A write that has to wait waits in the connection's own poll, just before this.
        if let (Some(since), Some(timeout)) = (connection.blocked_since(), policy.stall_timeout) {
            if due.is_past(since, timeout) {
                return Step::Stall(timeout);
            }
        }
        if self.ending.is_none() && (shutdown || is_too_old(connection, limits, &mut due)) {
            self.ending = Some(now);
        }
        let Some(retired) = self.retired else {
            if self.ending.is_some()
                || self.has_carried(connection, &mut due)
                || is_idle(connection, policy, limits, &mut due)
            {
                self.retired = Some(now);
                return Step::Retire;
            }
            return Step::Wait(due.next);
        };
        if let Some(grace) = policy.grace {
            // An HTTP/2 client may go on as if it had heard nothing: hyper closes the connection
            // once the client has acknowledged a PING. It is not to be served for ever.
            if due.is_past(retired, grace) {
                connection.close_to_streams();
            }
            let idle = connection.idle_since().map(|since| since.max(retired));
            let expired = match self.ending {
                Some(ending) => due.is_past(ending, grace),
                None => due.is_idle_past(idle, grace),
            };
            if expired {
                return Step::Expire;
            }
        }
        Step::Wait(due.next)
    }
}

fn is_too_old(connection: &Connection, limits: &Limits, due: &mut Due) -> bool {
    limits.max_connection_duration.is_some_and(|age| {
        let age = connection.jittered(age);
        due.is_past(connection.opened(), age)
    })
}

/// Whether it is no longer used, or is never to begin.
fn is_idle(connection: &Connection, policy: &Policy, limits: &Limits, due: &mut Due) -> bool {
    let idle = limits
        .idle_timeout
        .is_some_and(|timeout| due.is_idle_past(connection.idle_since(), timeout));
    let silent = connection.protocol() == Protocol::Unknown
        && policy
            .opening_timeout
            .is_some_and(|timeout| due.is_past(connection.opened(), timeout));
    idle || silent
}
