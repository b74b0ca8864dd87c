//! The heart: one atomic word and a FIFO queue.
//!
//! # Invariants
//!
//! 1. *pending* changes only under the lock, and equals the queue's length (with those that
//!    observe mode lets run) whenever the lock is free. To enqueue: lock, reserve memory, add 1 to
//!    pending by CAS, queue, unlock. With the CAS before the lock, a grant could find an empty
//!    queue, and a slot would be lost.
//! 2. *free* changes anywhere, and only by read-modify-write. To admit takes `free > 0` and
//!    `pending == 0` in one CAS, so that nobody overtakes the queue.
//! 3. A releaser that saw `pending > 0` and made `free > 0` takes the lock and grants. Each
//!    critical section ends with `free <= 0` or `pending == 0`, up to releases that come after its
//!    last load of the word; their releasers follow with a section of their own.
//! 4. A grant is one CAS (`free - 1`, `pending - 1`), then taking the first out of the queue, then
//!    storing its ticket as the last one granted, under the lock. Tickets rise, and nobody who gave
//!    up asks again: so a waiter knows by one load, without the lock, whether it was granted.
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

mod change;
mod clock;
mod counters;
mod idle;
mod queue;
mod snapshot;
mod sync;
mod wait;
mod word;

pub(super) use self::idle::IdleTicket;
pub(super) use self::queue::Ticket;

use std::sync::PoisonError;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed as StatRelaxed};

use self::clock::Clock;
use self::counters::Counters;
use self::idle::IdleWaiters;
use self::queue::Queue;
use self::sync::{AtomicU32, AtomicU64, Mutex, MutexGuard, Ordering};
use self::word::Word;
use super::overflow::{Packed, Resource};

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
    /// The ticket that was granted last: all up to it that were not given up are granted. Written
    /// under the lock.
    granted: AtomicU64,
    locked: Mutex<Locked>,
    counters: Box<Counters>,
    clock: Clock,
}

/// What the lock guards.
#[derive(Debug)]
struct Locked {
    queue: Queue,
    /// Requests that count as pending and run all the same: observe mode has them.
    observed: u32,
    /// Requests that observe mode lets run beyond all limits.
    uncounted: u32,
    idle: IdleWaiters,
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
    Queued(Ticket),
    Overflow(Packed),
}

// === Admit, release, refuse: lock-free ===

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
            granted: AtomicU64::new(0),
            locked: Mutex::new(Locked {
                queue: Queue::new(),
                observed: 0,
                uncounted: 0,
                idle: IdleWaiters::new(),
            }),
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
        let mut locked = self.lock();
        locked.uncounted -= 1;
        self.settle_and_wake(locked);
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

// === What the others use ===

impl Core {
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
    fn lock(&self) -> MutexGuard<'_, Locked> {
        // Nothing foreign runs under the lock; should memory run out in it, the state is valid.
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bound(limit: Option<u32>) -> u32 {
    limit.unwrap_or(UNLIMITED).min(UNLIMITED)
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
