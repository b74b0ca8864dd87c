//! To wait, to be granted, to give up: under the lock.

use std::task::{Poll, Waker};

use super::queue::Ticket;
use super::sync::{MutexGuard, Ordering};
use super::word::Word;
use super::{CLOSED, Core, Entered, Locked, OBSERVING, Otherwise, Verdict, refusing};
use crate::admission::overflow::Resource;
use crate::admission::wake::WakeList;

impl Core {
    /// Decides exactly. The wakes are for the caller, once it has put the verdict in safety.
    #[cold]
    pub(in crate::admission) fn attempt(
        &self,
        otherwise: Otherwise,
        wakes: &mut WakeList,
    ) -> Verdict {
        let mut locked = self.lock();
        let verdict = self.decide(&mut locked, wakes, otherwise);
        self.settle(locked, wakes);
        verdict
    }

    /// Admits, or takes a place in the queue. The wakes are for the caller, as above.
    #[inline(never)]
    pub(in crate::admission) fn enter(&self, waker: &Waker, wakes: &mut WakeList) -> Entered {
        if let Some(Verdict::Overflow(overflow)) = self.glance(Otherwise::Wait) {
            return Entered::Overflow(overflow);
        }
        let waker = waker.clone();
        let now = self.clock.now();
        let mut locked = self.lock();
        locked.queue.reserve();
        let entered = match self.decide(&mut locked, wakes, Otherwise::Wait) {
            Verdict::MustWait => {
                let ticket = locked.queue.push(waker, now);
                self.settle(locked, wakes);
                return Entered::Queued(ticket);
            }
            Verdict::Admitted => Entered::Admitted,
            Verdict::Uncounted => Entered::Uncounted,
            Verdict::Overflow(overflow) => Entered::Overflow(overflow),
        };
        wakes.set_aside(waker);
        self.settle(locked, wakes);
        entered
    }

    /// Says what a request gets. One that is to [`Wait`](Otherwise::Wait), and gets a verdict of
    /// [`Verdict::MustWait`], has been counted as pending; the caller must queue it before it
    /// unlocks.
    fn decide(&self, locked: &mut Locked, wakes: &mut WakeList, otherwise: Otherwise) -> Verdict {
        let flags = self.flags.load(Ordering::Relaxed);
        let slots = self.slots.load(Ordering::Relaxed);
        let places = match otherwise {
            Otherwise::Refuse => 0,
            Otherwise::Ask | Otherwise::Wait => self.places.load(Ordering::Relaxed),
        };
        loop {
            // What has come free belongs to those who wait, first.
            self.grant(locked, wakes);
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
                    locked.uncounted += 1;
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
                    locked.observed += 1;
                    return Verdict::Admitted;
                }
                return Verdict::MustWait;
            }
        }
    }

    /// Hands free slots to those who wait, in order.
    fn grant(&self, locked: &mut Locked, wakes: &mut WakeList) {
        let mut word = self.load();
        let mut granted = false;
        while word.free() > 0 && word.pending() > 0 {
            if self.exchange(word, word.0 - Word::SLOT - Word::PLACE) {
                granted = true;
                if locked.observed > 0 {
                    locked.observed -= 1;
                } else {
                    self.grant_first(locked, wakes);
                }
            }
            word = self.load();
        }
        if granted {
            self.mark_peak();
        }
    }

    /// Takes the first waiter out of the queue and lets it see that it is granted; whether there
    /// was one.
    pub(super) fn grant_first(&self, locked: &mut Locked, wakes: &mut WakeList) -> bool {
        let Some((ticket, waker)) = locked.queue.pop() else {
            return false;
        };
        self.granted.store(ticket, Ordering::Release);
        wakes.push(waker);
        true
    }

    /// Whether one that has not given up was granted its slot.
    #[inline]
    fn is_granted(&self, ticket: Ticket) -> bool {
        self.granted.load(Ordering::Acquire) >= ticket
    }

    /// Whether the waiter was granted its slot, which is then the caller's; otherwise `waker` is
    /// woken when it is.
    pub(in crate::admission) fn poll_granted(&self, ticket: Ticket, waker: &Waker) -> Poll<()> {
        if self.is_granted(ticket) {
            return Poll::Ready(());
        }
        self.renew_waker(ticket, waker)
    }

    #[inline(never)]
    fn renew_waker(&self, ticket: Ticket, waker: &Waker) -> Poll<()> {
        let mut fresh = None;
        loop {
            let mut locked = self.lock();
            if self.is_granted(ticket) {
                // Dropping it may panic: then the grant is still there to be given up.
                drop(locked);
                drop(fresh);
                return Poll::Ready(());
            }
            let stored = locked.queue.waker(ticket);
            if stored
                .as_ref()
                .is_some_and(|stored| stored.will_wake(waker))
            {
                return Poll::Pending;
            }
            if fresh.is_some() {
                // The old one is dropped when `fresh` is, after the lock.
                std::mem::swap(stored, &mut fresh);
                drop(locked);
                return Poll::Pending;
            }
            drop(locked);
            fresh = Some(waker.clone());
        }
    }

    /// Takes a waiter out of the queue; whether it had been granted a slot, which is then the
    /// caller's.
    pub(in crate::admission) fn time_out(&self, ticket: Ticket) -> bool {
        let locked = self.lock();
        if self.is_granted(ticket) {
            return true;
        }
        self.counters.timed_out();
        self.leave(locked, ticket);
        false
    }

    /// Takes a waiter out of the queue, with the slot that it may have been granted.
    pub(in crate::admission) fn cancel(&self, ticket: Ticket) {
        self.counters.cancelled();
        self.withdraw(ticket);
    }

    /// The same, and not counted.
    pub(in crate::admission) fn withdraw(&self, ticket: Ticket) {
        let locked = self.lock();
        if self.is_granted(ticket) {
            drop(locked);
            self.release();
        } else {
            self.leave(locked, ticket);
        }
    }

    /// Unlinks one that still waits.
    fn leave(&self, mut locked: MutexGuard<'_, Locked>, ticket: Ticket) {
        let _waker = locked.queue.remove(ticket);
        self.word.fetch_sub(Word::PLACE, Ordering::AcqRel);
        self.settle_and_wake(locked);
    }

    /// Ends a critical section: grants, tells those who wait for idleness, unlocks, wakes.
    pub(super) fn settle_and_wake(&self, locked: MutexGuard<'_, Locked>) {
        let mut wakes = WakeList::default();
        self.settle(locked, &mut wakes);
        wakes.wake_all();
    }

    /// Ends a critical section, and leaves the waking to the caller.
    pub(super) fn settle(&self, mut locked: MutexGuard<'_, Locked>, wakes: &mut WakeList) {
        self.grant(&mut locked, wakes);
        if !locked.idle.is_empty() && self.is_idle(&locked) {
            locked.idle.tell(wakes);
            self.dismiss_attention();
        }
    }
}
