//! [`Clock`]: since when somebody waits. For statistics alone; no decision depends on it.

use std::time::{Duration, Instant};

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

    pub(super) fn now(&self) -> Option<Instant> {
        self.born.map(|_| Instant::now())
    }

    /// A moment as the milliseconds since the clock was made, 0 if it tells nothing. They wrap
    /// after 49 days, which [`since`](Self::since) survives.
    pub(super) fn millis(&self, moment: Option<Instant>) -> u32 {
        match (self.born, moment) {
            (Some(born), Some(moment)) => (moment - born).as_millis() as u32,
            _ => 0,
        }
    }

    /// How long ago that was.
    pub(super) fn since(&self, millis: u32) -> Option<Duration> {
        let now = self.now()?;
        let passed = self.millis(Some(now)).wrapping_sub(millis);
        Some(Duration::from_millis(passed.into()))
    }
}
