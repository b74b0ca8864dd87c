//! Those who wait until nothing is active and nothing pending: under the lock.

use std::task::{Poll, Waker};

use super::sync::Ordering;
use super::word::Word;
use super::{CLOSED, Core, Locked};
use crate::admission::wake::WakeList;

/// Names one who waits, and the round of idleness that it waits for.
#[derive(Clone, Copy, Debug)]
pub(in crate::admission) struct IdleTicket {
    id: u64,
    round: u64,
}

#[derive(Debug)]
pub(super) struct IdleWaiters {
    waiters: Vec<(u64, Waker)>,
    next_id: u64,
    /// Goes up each time they were told.
    round: u64,
}

impl IdleWaiters {
    pub(super) const fn new() -> Self {
        Self {
            waiters: Vec::new(),
            next_id: 0,
            round: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// Tells all of them.
    pub(super) fn tell(&mut self, wakes: &mut WakeList) {
        self.round += 1;
        for (_, waker) in self.waiters.drain(..) {
            wakes.push(waker);
        }
    }

    fn enlist(&mut self, waker: Waker) -> IdleTicket {
        let id = self.next_id;
        self.next_id += 1;
        self.waiters.push((id, waker));
        let round = self.round;
        IdleTicket { id, round }
    }

    /// Takes one off the list, unless it was told already. Its waker is for the caller to drop,
    /// after the lock.
    fn retire(&mut self, ticket: IdleTicket) -> Option<Waker> {
        let mut waiters = self.waiters.iter();
        let position = waiters.position(|(id, _)| *id == ticket.id)?;
        Some(self.waiters.swap_remove(position).1)
    }
}

impl Core {
    pub(in crate::admission) fn poll_idle(
        &self,
        ticket: &mut Option<IdleTicket>,
        waker: &Waker,
    ) -> Poll<()> {
        let waker = waker.clone();
        let mut locked = self.lock();
        let told = ticket.is_some_and(|ticket| ticket.round != locked.idle.round);
        let retired = ticket.take().and_then(|ticket| locked.idle.retire(ticket));
        // From here on every admission and release comes by the lock.
        self.word.fetch_or(Word::ATTENTION, Ordering::AcqRel);
        let poll = if told || self.is_idle(&locked) {
            if locked.idle.is_empty() {
                self.dismiss_attention();
            }
            Poll::Ready(())
        } else {
            *ticket = Some(locked.idle.enlist(waker));
            Poll::Pending
        };
        drop(locked);
        drop(retired);
        poll
    }

    /// Nobody waits for idleness under this ticket any more.
    pub(in crate::admission) fn forget_idle(&self, ticket: IdleTicket) {
        let mut locked = self.lock();
        let retired = locked.idle.retire(ticket);
        if locked.idle.is_empty() {
            self.dismiss_attention();
        }
        drop(locked);
        drop(retired);
    }

    /// Lets the lock-free paths be used again, unless the pool is closed.
    pub(super) fn dismiss_attention(&self) {
        if self.flags.load(Ordering::Relaxed) & CLOSED == 0 {
            self.word.fetch_and(!Word::ATTENTION, Ordering::AcqRel);
        }
    }

    pub(super) fn is_idle(&self, locked: &Locked) -> bool {
        let word = self.load();
        let slots = self.slots.load(Ordering::Relaxed);
        word.free() == slots as i32 && word.pending() == 0 && locked.uncounted == 0
    }
}
