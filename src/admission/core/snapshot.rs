//! Limits and use at one instant, and the peaks.

use std::sync::atomic::Ordering::Relaxed as StatRelaxed;
use std::time::Duration;

use super::queue::Ticket;
use super::sync::Ordering;
use super::word::Word;
use super::{CLOSED, Core, OBSERVING, UNLIMITED, active};
use crate::admission::stats::{Stats, WaitHistogram};

impl Core {
    pub(crate) fn stats(&self) -> Stats {
        let locked = self.lock();
        let word = self.mark_peak();
        let flags = self.flags.load(Ordering::Relaxed);
        let slots = self.slots.load(Ordering::Relaxed);
        let places = self.places.load(Ordering::Relaxed);
        let oldest = locked.queue.first();
        let uncounted = locked.uncounted;
        drop(locked);
        let mut stats = Stats {
            max_requests: unbound(slots),
            max_pending_requests: unbound(places),
            closed: flags & CLOSED != 0,
            observing: flags & OBSERVING != 0,
            active: active(slots, word),
            pending: word.pending(),
            uncounted,
            queued: 0,
            admitted: None,
            overflowed: Default::default(),
            would_overflow: 0,
            cancelled: 0,
            timed_out: 0,
            peak_active: 0,
            peak_pending: 0,
            waits: WaitHistogram::default(),
            oldest_waiter: oldest.and_then(|ticket| self.clock.since(ticket)),
        };
        self.counters.fill(&mut stats);
        stats
    }

    /// Notes how long one has waited that has its slot now, and tells, unless nobody wants to
    /// know.
    pub(in crate::admission) fn waited(&self, ticket: Ticket) -> Option<Duration> {
        let waited = self.clock.since(ticket)?;
        self.counters.waited(waited);
        Some(waited)
    }

    /// Notes how many are active, if that is a new peak. A peak shorter than it takes to get here
    /// may be missed.
    #[cold]
    pub(super) fn note_peak(&self) {
        let _locked = self.lock();
        self.mark_peak();
    }

    /// Under the lock: notes a new peak, and returns the word that it looked at.
    pub(super) fn mark_peak(&self) -> Word {
        let word = self.load();
        if word.free() < self.low_water.load(StatRelaxed) {
            self.low_water.store(word.free(), StatRelaxed);
            let slots = self.slots.load(Ordering::Relaxed);
            self.counters.active(active(slots, word));
        }
        word
    }
}

/// For the layers.
#[cfg(feature = "inbound")]
impl Core {
    /// Counts one that was admitted.
    #[inline]
    pub(crate) fn count_admitted(&self) {
        self.admitted.fetch_add(1, StatRelaxed);
    }

    /// How many [`count_admitted`](Self::count_admitted) counted.
    pub(crate) fn admitted(&self) -> u64 {
        self.admitted.load(StatRelaxed)
    }
}

fn unbound(limit: u32) -> Option<u32> {
    (limit != UNLIMITED).then_some(limit)
}
