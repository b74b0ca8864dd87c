//! [`Clock`]: since when somebody waits. For statistics alone; no decision depends on it.

use std::time::{Duration, Instant};

use super::queue::Ticket;

/// Tells the time, or nothing where nobody wants to know: to read the clock as a waiter comes and
/// again as it gets its slot costs more than all the rest of the hand-off.
#[derive(Debug)]
pub(super) struct Clock {
    /// When it was made; `None` if it tells nothing.
    born: Option<Instant>,
}

impl Clock {
    pub(super) fn new(tells: bool) -> Self {
        Self {
            born: tells.then(Instant::now),
        }
    }

    /// The nanoseconds since it was made: the ticket of whoever comes now. 0 if it tells nothing.
    pub(super) fn now(&self) -> Ticket {
        self.born.map_or(0, nanos_since)
    }

    /// How long ago a ticket was taken.
    pub(super) fn since(&self, ticket: Ticket) -> Option<Duration> {
        let nanos = nanos_since(self.born?);
        // A ticket may be some nanoseconds late, if others came at the same time.
        Some(Duration::from_nanos(nanos.saturating_sub(ticket)))
    }
}

/// Enough for 584 years.
fn nanos_since(born: Instant) -> u64 {
    born.elapsed().as_nanos() as u64
}
