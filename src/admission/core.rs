//! The heart: one atomic word and a FIFO queue.
//!
//! # Invariants
//!
//! 1. *pending* changes only under the lock, and equals the queue's length (with those that
//!    observe mode lets run) whenever the lock is free. To enqueue: lock, reserve memory, add 1 to
//!    pending by CAS, link, unlock. With the CAS before the lock, a grant could find an empty
//!    queue, and a slot would be lost.
//! 2. *free* changes anywhere, and only by read-modify-write. To admit takes `free > 0` and
//!    `pending == 0` in one CAS, so that nobody overtakes the queue.
//! 3. A releaser that saw `pending > 0` and made `free > 0` takes the lock and grants. Each
//!    critical section ends with `free <= 0` or `pending == 0`, up to releases that come after its
//!    last load of the word; their releasers follow with a section of their own.
//! 4. A grant is one CAS (`free - 1`, `pending - 1`) and unlinking the head, under the lock.
//! 5. A granted future that is dropped releases; one that is not polled holds its slot; one that
//!    is forgotten leaks it.
//! 6. No foreign code runs under the lock: no waker is cloned, dropped or woken there, nor
//!    anything of the user's dropped. Wakes come after it, and one that panics does not lose the
//!    others. Whatever panics, a poisoned lock still guards a valid state.
//! 7. Limits are at most `i32::MAX`, which stands for unlimited and still counts, so that a later
//!    limit sees the load. Hence pending never carries into the attention flag or free.
//! 8. Limits change under the lock: store the limit, add the difference to free, grant. Snapshots
//!    of limits, active and pending are taken there too. A change is counted in the flags when it
//!    begins and when it ends: a refusal takes no lock, so it compares the count before and after
//!    its loads, and goes by the lock if they are not of one instant.
//! 9. Admitting acquires, releasing is acquire-release: with a limit of 1 this is a mutex.
//! 10. A permit reaches its core through a sealed handle, `&'static` or `Arc`, and through
//!     nothing that could come to point elsewhere.
//!
//! While the attention flag is set, nobody is admitted and nothing is released without the lock:
//! that is how closing, and waiting for idleness, cost nothing otherwise.
//!
//! # Layout
//!
//! The word comes first, so that it shares a cache line with the `Arc`'s counts: a request that
//! touches one touches the other. What is only counted sits in an allocation of its own.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed as StatRelaxed};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::overflow::{Packed, Resource};
use super::queue::{IdleTicket, Index, Queue};
use super::stats::{Counters, Stats, WaitHistogram};
use super::sync::{AtomicU32, AtomicU64, Mutex, MutexGuard, Ordering};
use super::wake::WakeList;
use super::word::Word;

/// Stands for unlimited.
const UNLIMITED: u32 = i32::MAX as u32;

/// In `flags`: nothing new is admitted.
const CLOSED: u32 = 1;
/// In `flags`: count, and refuse nothing.
const OBSERVING: u32 = 2;
/// In `flags`: the lowest bit of the number of changes begun and ended. Odd while limits change.
const CHANGE: u32 = 4;

/// Slots, places, and those who wait. Opaque: [`Admission`](super::Admission) is the way to it.
#[derive(Debug)]
#[repr(C)]
pub struct Core {
    word: AtomicU64,
    /// The limit on active requests. Written under the lock.
    slots: AtomicU32,
    /// The limit on pending requests. Written under the lock.
    places: AtomicU32,
    /// The lowest *free* seen under the present limit: a new peak is noticed by one comparison.
    low_water: AtomicI32,
    /// [`CLOSED`], [`OBSERVING`], and [`CHANGE`]s counted. Written under the lock.
    flags: AtomicU32,
    /// How many were admitted in all. Not counted here but by those who ask for it; it sits
    /// here because its line is the word's.
    admitted: std::sync::atomic::AtomicU64,
    queue: Mutex<Queue>,
    counters: Box<Counters>,
    clock: Clock,
}

/// What a request wants if there is no slot for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Otherwise {
    /// To be refused: for it there are no places.
    Refuse,
    /// To be told whether there is a place.
    Ask,
    /// A place.
    Wait,
}

/// What is decided for a request.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It has a slot; or, while observing, the place of one that would wait, and runs.
    Admitted,
    /// It runs beyond all limits: observing.
    Uncounted,
    /// There is no slot, but a place.
    MustWait,
    Overflow(Packed),
}

/// What became of a request that waits if it must.
#[derive(Debug)]
pub(super) enum Entered {
    Admitted,
    Uncounted,
    /// Since when, if the time is told.
    Queued(Index, Option<Instant>),
    Overflow(Packed),
}

// === Admit and release: lock-free ===

impl Core {
    /// With `time_waits` it notes how long requests wait.
    pub(crate) fn new(
        max_requests: Option<u32>,
        max_pending_requests: Option<u32>,
        time_waits: bool,
    ) -> Self {
        let slots = bound(max_requests);
        Self {
            word: AtomicU64::new(Word::new(slots).0),
            slots: AtomicU32::new(slots),
            places: AtomicU32::new(bound(max_pending_requests)),
            low_water: AtomicI32::new(slots as i32),
            flags: AtomicU32::new(0),
            admitted: std::sync::atomic::AtomicU64::new(0),
            queue: Mutex::new(Queue::new()),
            counters: Box::default(),
            clock: Clock::new(time_waits),
        }
    }

    /// Takes a slot if one is free and nobody waits for it.
    #[inline]
    pub(super) fn admit(&self) -> bool {
        let mut word = Word(self.word.load(Ordering::Relaxed));
        while word.free() > 0 && word.is_quiet() {
            match self.word.compare_exchange_weak(
                word.0,
                word.0 - Word::SLOT,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    if word.free() <= self.low_water.load(StatRelaxed) {
                        self.note_peak();
                    }
                    return true;
                }
                Err(seen) => word = Word(seen),
            }
        }
        false
    }

    /// Gives a slot back.
    #[inline]
    pub(super) fn release(&self) {
        let before = Word(self.word.fetch_add(Word::SLOT, Ordering::AcqRel));
        if !before.is_quiet() {
            self.hand_on(before);
        }
    }

    /// A slot came back, and somebody may be waiting for it.
    #[inline(never)]
    fn hand_on(&self, before: Word) {
        // Still in debt: the slot pays for that, and there is nobody to tell.
        if before.free() < 0 && !before.needs_attention() {
            return;
        }
        self.settle_and_wake(self.lock());
    }

    /// One that ran beyond all limits has ended.
    #[cold]
    pub(super) fn release_uncounted(&self) {
        let mut queue = self.lock();
        queue.uncounted -= 1;
        self.settle_and_wake(queue);
    }

    /// Decides by loads alone, where they tell enough: that a request must wait or is refused.
    #[inline]
    pub(super) fn glance(&self, otherwise: Otherwise) -> Option<Verdict> {
        let flags = self.flags.load(Ordering::Acquire);
        let slots = self.slots.load(Ordering::Acquire);
        let places = match otherwise {
            Otherwise::Refuse => 0,
            Otherwise::Ask | Otherwise::Wait => self.places.load(Ordering::Acquire),
        };
        let word = self.load();
        if flags & CLOSED != 0 {
            return Some(self.overflow(Resource::Closed, slots, places, word));
        }
        // A free slot may be ours, once those who wait have theirs.
        if flags & (OBSERVING | CHANGE) != 0 || word.free() > 0 {
            return None;
        }
        if word.pending() < places {
            return Some(Verdict::MustWait);
        }
        // Word and limits must belong together. If they changed between the loads it is decided
        // under the lock, lest something is refused that the old and the new limits would both
        // admit. (Were this to compare the limits, they could have changed there and back.)
        if self.flags.load(Ordering::Acquire) != flags {
            return None;
        }
        Some(self.overflow(refusing(places), slots, places, word))
    }
}

// === Wait, grant, cancel: under the lock ===

impl Core {
    /// Decides exactly. The wakes are for the caller, once it has put the verdict in safety.
    #[cold]
    pub(super) fn attempt(&self, otherwise: Otherwise, wakes: &mut WakeList) -> Verdict {
        let mut queue = self.lock();
        let verdict = self.decide(&mut queue, wakes, otherwise);
        self.settle(queue, wakes);
        verdict
    }

    /// Admits, or takes a place in the queue. The wakes are for the caller, as above.
    #[inline(never)]
    pub(super) fn enter(&self, waker: &Waker, wakes: &mut WakeList) -> Entered {
        if let Some(Verdict::Overflow(overflow)) = self.glance(Otherwise::Wait) {
            return Entered::Overflow(overflow);
        }
        let waker = waker.clone();
        let since = self.clock.now();
        let mut queue = self.lock();
        queue.reserve();
        let entered = match self.decide(&mut queue, wakes, Otherwise::Wait) {
            Verdict::MustWait => {
                let index = queue.push(waker, self.clock.millis(since));
                self.settle(queue, wakes);
                return Entered::Queued(index, since);
            }
            Verdict::Admitted => Entered::Admitted,
            Verdict::Uncounted => Entered::Uncounted,
            Verdict::Overflow(overflow) => Entered::Overflow(overflow),
        };
        wakes.set_aside(waker);
        self.settle(queue, wakes);
        entered
    }

    /// Says what a request gets. One that is to [`Wait`](Otherwise::Wait), and gets a verdict of
    /// [`Verdict::MustWait`], has been counted as pending; the caller must link it before it
    /// unlocks.
    fn decide(&self, queue: &mut Queue, wakes: &mut WakeList, otherwise: Otherwise) -> Verdict {
        let flags = self.flags.load(Ordering::Relaxed);
        let slots = self.slots.load(Ordering::Relaxed);
        let places = match otherwise {
            Otherwise::Refuse => 0,
            Otherwise::Ask | Otherwise::Wait => self.places.load(Ordering::Relaxed),
        };
        loop {
            // What has come free belongs to those who wait, first.
            self.grant(queue, wakes);
            let word = self.load();
            if flags & CLOSED != 0 {
                return self.overflow(Resource::Closed, slots, places, word);
            }
            if word.free() > 0 {
                // With somebody pending a slot came free just now: grant again.
                if word.pending() == 0 && self.exchange(word, word.0 - Word::SLOT) {
                    self.mark_peak();
                    return Verdict::Admitted;
                }
                continue;
            }
            if word.pending() >= places {
                if flags & OBSERVING != 0 {
                    self.counters.would_overflow();
                    queue.uncounted += 1;
                    return Verdict::Uncounted;
                }
                return self.overflow(refusing(places), slots, places, word);
            }
            if otherwise == Otherwise::Ask && flags & OBSERVING == 0 {
                return Verdict::MustWait;
            }
            if self.exchange(word, word.0 + Word::PLACE) {
                self.counters.queued(word.pending() + 1);
                if flags & OBSERVING != 0 {
                    queue.observed += 1;
                    return Verdict::Admitted;
                }
                return Verdict::MustWait;
            }
        }
    }

    /// Hands free slots to those who wait, in order.
    fn grant(&self, queue: &mut Queue, wakes: &mut WakeList) {
        let mut word = self.load();
        let mut granted = false;
        while word.free() > 0 && word.pending() > 0 {
            if self.exchange(word, word.0 - Word::SLOT - Word::PLACE) {
                granted = true;
                if queue.observed > 0 {
                    queue.observed -= 1;
                } else {
                    wakes.push(queue.grant_first());
                }
            }
            word = self.load();
        }
        if granted {
            self.mark_peak();
        }
    }

    /// Whether the waiter was granted its slot, which is then the caller's; otherwise `waker` is
    /// woken when it is.
    pub(super) fn poll_granted(&self, index: Index, waker: &Waker) -> Poll<()> {
        let mut fresh = None;
        loop {
            let mut queue = self.lock();
            if queue.is_granted(index) {
                if fresh.is_some() {
                    // Dropping it may panic: then the grant must still be there to be cancelled.
                    drop(queue);
                    fresh = None;
                    continue;
                }
                queue.remove_granted(index);
                return Poll::Ready(());
            }
            let stored = queue.waker(index);
            if stored
                .as_ref()
                .is_some_and(|stored| stored.will_wake(waker))
            {
                return Poll::Pending;
            }
            if fresh.is_some() {
                // The old one is dropped when `fresh` is, after the lock.
                std::mem::swap(stored, &mut fresh);
                drop(queue);
                return Poll::Pending;
            }
            drop(queue);
            fresh = Some(waker.clone());
        }
    }

    /// Takes a waiter out of the queue; whether it had been granted a slot, which is then the
    /// caller's.
    pub(super) fn time_out(&self, index: Index) -> bool {
        let mut queue = self.lock();
        if queue.is_granted(index) {
            queue.remove_granted(index);
            return true;
        }
        self.counters.timed_out();
        self.leave(queue, index);
        false
    }

    /// Takes a waiter out of the queue, with the slot that it may have been granted.
    pub(super) fn cancel(&self, index: Index) {
        self.counters.cancelled();
        self.withdraw(index);
    }

    /// The same, and not counted.
    pub(super) fn withdraw(&self, index: Index) {
        let mut queue = self.lock();
        if queue.is_granted(index) {
            queue.remove_granted(index);
            self.word.fetch_add(Word::SLOT, Ordering::AcqRel);
            self.settle_and_wake(queue);
        } else {
            self.leave(queue, index);
        }
    }

    /// Unlinks one that still waits.
    fn leave(&self, mut queue: MutexGuard<'_, Queue>, index: Index) {
        let _waker = queue.remove_waiting(index);
        self.word.fetch_sub(Word::PLACE, Ordering::AcqRel);
        self.settle_and_wake(queue);
    }

    /// Ends a critical section: grants, tells those who wait for idleness, unlocks, wakes.
    fn settle_and_wake(&self, queue: MutexGuard<'_, Queue>) {
        let mut wakes = WakeList::default();
        self.settle(queue, &mut wakes);
        wakes.wake_all();
    }

    /// Ends a critical section, and leaves the waking to the caller.
    fn settle(&self, mut queue: MutexGuard<'_, Queue>, wakes: &mut WakeList) {
        self.grant(&mut queue, wakes);
        if !queue.idle_waiters.is_empty() && self.is_idle(&queue) {
            queue.idle_round += 1;
            for waiter in queue.idle_waiters.drain(..) {
                wakes.push(Some(waiter.waker));
            }
            self.dismiss_attention();
        }
    }
}

// === Limits, modes, idleness, snapshots: under the lock ===

impl Core {
    /// Changes the limits. The wakes are for the caller, once it holds no lock of its own.
    pub(crate) fn update(
        &self,
        max_requests: Option<u32>,
        max_pending_requests: Option<u32>,
        wakes: &mut WakeList,
    ) {
        let (slots, places) = (bound(max_requests), bound(max_pending_requests));
        let queue = self.lock();
        // Between the two counts whoever would refuse comes by the lock. So nobody sees one limit
        // changed and the other not, as if what rises did so before what falls.
        self.flags.fetch_add(CHANGE, Ordering::AcqRel);
        let old = self.slots.load(Ordering::Relaxed);
        if slots != old {
            self.set_slots(old, slots);
        }
        self.places.store(places, Ordering::Release);
        self.flags.fetch_add(CHANGE, Ordering::AcqRel);
        self.settle(queue, wakes);
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
        let mut queue = self.lock();
        let mut wakes = WakeList::default();
        let flags = self.flags.load(Ordering::Relaxed);
        if observing && flags & OBSERVING == 0 {
            let flags = (flags | OBSERVING).wrapping_add(2 * CHANGE);
            self.flags.store(flags, Ordering::Release);
            // Those who wait run at once, and count as pending still.
            while let Some(waker) = queue.grant_first() {
                queue.observed += 1;
                wakes.push(Some(waker));
            }
        } else if !observing && flags & OBSERVING != 0 {
            // Those who run and count as pending become debt. That comes first: whoever sees that
            // refusals are on must not see places taken that are free now.
            let observed = u64::from(std::mem::take(&mut queue.observed));
            self.word
                .fetch_sub(observed * (Word::SLOT + Word::PLACE), Ordering::AcqRel);
            self.flags.store(flags & !OBSERVING, Ordering::Release);
            self.mark_peak();
        }
        self.settle(queue, &mut wakes);
        wakes.wake_all();
    }

    pub(super) fn close(&self) {
        let queue = self.lock();
        self.flags.fetch_or(CLOSED, Ordering::AcqRel);
        self.word.fetch_or(Word::ATTENTION, Ordering::AcqRel);
        self.settle_and_wake(queue);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.flags.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Whether the next request waits or is refused: every slot is taken (or owed), and that
    /// matters.
    pub(super) fn is_saturated(&self) -> bool {
        self.load().free() <= 0 && self.flags.load(Ordering::Acquire) & OBSERVING == 0
    }

    pub(super) fn poll_idle(&self, ticket: &mut Option<IdleTicket>, waker: &Waker) -> Poll<()> {
        let waker = waker.clone();
        let mut queue = self.lock();
        let told = ticket.is_some_and(|ticket| ticket.round != queue.idle_round);
        let retired = ticket.take().and_then(|ticket| queue.retire_idle(ticket));
        // From here on every admission and release comes by the lock.
        self.word.fetch_or(Word::ATTENTION, Ordering::AcqRel);
        let poll = if told || self.is_idle(&queue) {
            if queue.idle_waiters.is_empty() {
                self.dismiss_attention();
            }
            Poll::Ready(())
        } else {
            *ticket = Some(queue.await_idle(waker));
            Poll::Pending
        };
        drop(queue);
        drop(retired);
        poll
    }

    /// Nobody waits for idleness under this ticket any more.
    pub(super) fn forget_idle(&self, ticket: IdleTicket) {
        let mut queue = self.lock();
        let retired = queue.retire_idle(ticket);
        if queue.idle_waiters.is_empty() {
            self.dismiss_attention();
        }
        drop(queue);
        drop(retired);
    }

    /// Lets the lock-free paths be used again, unless the pool is closed.
    fn dismiss_attention(&self) {
        if self.flags.load(Ordering::Relaxed) & CLOSED == 0 {
            self.word.fetch_and(!Word::ATTENTION, Ordering::AcqRel);
        }
    }

    fn is_idle(&self, queue: &Queue) -> bool {
        let word = self.load();
        let slots = self.slots.load(Ordering::Relaxed);
        word.free() == slots as i32 && word.pending() == 0 && queue.uncounted == 0
    }

    pub(crate) fn stats(&self) -> Stats {
        let queue = self.lock();
        let word = self.mark_peak();
        let flags = self.flags.load(Ordering::Relaxed);
        let slots = self.slots.load(Ordering::Relaxed);
        let places = self.places.load(Ordering::Relaxed);
        let oldest = queue.oldest();
        let uncounted = queue.uncounted;
        drop(queue);
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
            oldest_waiter: oldest.and_then(|since| self.clock.since(since)),
        };
        self.counters.fill(&mut stats);
        stats
    }

    /// Counts one that was admitted.
    #[inline]
    pub(crate) fn count_admitted(&self) {
        self.admitted.fetch_add(1, StatRelaxed);
    }

    /// How many [`count_admitted`](Self::count_admitted) counted.
    pub(crate) fn admitted(&self) -> u64 {
        self.admitted.load(StatRelaxed)
    }

    /// Notes how long one waited that has its slot now.
    pub(super) fn waited(&self, time: Duration) {
        self.counters.waited(time);
    }

    /// Notes how many are active, if that is a new peak. A peak shorter than it takes to get here
    /// may be missed.
    #[cold]
    fn note_peak(&self) {
        let _queue = self.lock();
        self.mark_peak();
    }

    /// Under the lock: notes a new peak, and returns the word that it looked at.
    fn mark_peak(&self) -> Word {
        let word = self.load();
        if word.free() < self.low_water.load(StatRelaxed) {
            self.low_water.store(word.free(), StatRelaxed);
            let slots = self.slots.load(Ordering::Relaxed);
            self.counters.active(active(slots, word));
        }
        word
    }

    /// Counts a refusal, and says why.
    #[inline]
    fn overflow(&self, resource: Resource, slots: u32, places: u32, word: Word) -> Verdict {
        self.counters.overflowed(resource);
        let limit = match resource {
            Resource::MaxRequests => slots,
            Resource::MaxPendingRequests => places,
            Resource::Closed => 0,
        };
        let active = active(slots, word);
        Verdict::Overflow(Packed::new(resource, limit, active, word.pending()))
    }

    #[inline]
    fn load(&self) -> Word {
        Word(self.word.load(Ordering::Acquire))
    }

    #[inline]
    fn exchange(&self, word: Word, new: u64) -> bool {
        self.word
            .compare_exchange(word.0, new, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing foreign runs under the lock; should memory run out in it, the state is valid.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bound(limit: Option<u32>) -> u32 {
    limit.unwrap_or(UNLIMITED).min(UNLIMITED)
}

fn unbound(limit: u32) -> Option<u32> {
    (limit != UNLIMITED).then_some(limit)
}

/// Which limit refuses a request that finds no slot.
#[inline]
fn refusing(places: u32) -> Resource {
    if places == 0 {
        Resource::MaxRequests
    } else {
        Resource::MaxPendingRequests
    }
}

#[inline]
fn active(slots: u32, word: Word) -> u32 {
    (i64::from(slots) - i64::from(word.free())).max(0) as u32
}
