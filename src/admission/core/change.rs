//! Limits and modes change: under the lock.

use std::sync::atomic::Ordering::Relaxed as StatRelaxed;

use super::sync::Ordering;
use super::word::Word;
use super::{CHANGE, CLOSED, Core, OBSERVING, bound};
use crate::admission::wake::WakeList;

impl Core {
    /// Changes the limits. The wakes are for the caller, once it holds no lock of its own.
    pub(crate) fn update(
        &self,
        max_requests: Option<u32>,
        max_pending_requests: Option<u32>,
        wakes: &mut WakeList,
    ) {
        let (slots, places) = (bound(max_requests), bound(max_pending_requests));
        let locked = self.lock();
        // Between the two counts whoever would refuse comes by the lock. So nobody sees one limit
        // changed and the other not, as if what rises did so before what falls.
        self.flags.fetch_add(CHANGE, Ordering::AcqRel);
        let old = self.slots.load(Ordering::Relaxed);
        if slots != old {
            self.set_slots(old, slots);
        }
        self.places.store(places, Ordering::Release);
        self.flags.fetch_add(CHANGE, Ordering::AcqRel);
        self.settle(locked, wakes);
    }

    fn set_slots(&self, old: u32, new: u32) {
        let low_water = self.low_water.load(StatRelaxed);
        let low_water = low_water.saturating_add(new as i32 - old as i32);
        // Never too low for the word, lest an admission in between misses that it is a new peak.
        if new > old {
            self.low_water.store(low_water, StatRelaxed);
        }
        self.slots.store(new, Ordering::Release);
        self.word
            .fetch_add(Word::difference(old, new), Ordering::AcqRel);
        self.low_water.store(low_water, StatRelaxed);
    }

    pub(crate) fn set_observing(&self, observing: bool) {
        let mut locked = self.lock();
        let mut wakes = WakeList::default();
        let flags = self.flags.load(Ordering::Relaxed);
        if observing && flags & OBSERVING == 0 {
            let flags = (flags | OBSERVING).wrapping_add(2 * CHANGE);
            self.flags.store(flags, Ordering::Release);
            // Those who wait run at once, and count as pending still.
            while self.grant_first(&mut locked, &mut wakes) {
                locked.observed += 1;
            }
        } else if !observing && flags & OBSERVING != 0 {
            // Those who run and count as pending become debt. That comes first: whoever sees that
            // refusals are on must not see places taken that are free now.
            let observed = u64::from(std::mem::take(&mut locked.observed));
            self.word
                .fetch_sub(observed * (Word::SLOT + Word::PLACE), Ordering::AcqRel);
            self.flags.store(flags & !OBSERVING, Ordering::Release);
            self.mark_peak();
        }
        self.settle(locked, &mut wakes);
        wakes.wake_all();
    }

    pub(in crate::admission) fn close(&self) {
        let locked = self.lock();
        self.flags.fetch_or(CLOSED, Ordering::AcqRel);
        self.word.fetch_or(Word::ATTENTION, Ordering::AcqRel);
        self.settle_and_wake(locked);
    }

    pub(in crate::admission) fn is_closed(&self) -> bool {
        self.flags.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Whether the next request waits or is refused: every slot is taken (or owed), and that
    /// matters.
    pub(in crate::admission) fn is_saturated(&self) -> bool {
        self.load().free() <= 0 && self.flags.load(Ordering::Acquire) & OBSERVING == 0
    }
}
