//! The waiters: a FIFO list, linked by index through one slab. Only touched under the lock.
//!
//! An entry is 28 bytes: waker, two links, and when it came. A cancelled waiter is unlinked in
//! place. An entry that was granted is out of the list but keeps its slab slot until its future
//! has seen the grant; a large slab that has become empty gives its memory back.

use std::task::Waker;

/// Names an entry for as long as its future has not taken it out.
pub(super) type Index = u32;

/// The end of a list.
const NONE: Index = u32::MAX;
/// In `prev`: out of the list, a slot in hand.
const GRANTED: Index = u32::MAX - 1;
/// How many entries an empty slab may keep for the next burst.
const KEPT: usize = 1024;

#[derive(Debug)]
struct Entry {
    waker: Option<Waker>,
    prev: Index,
    next: Index,
}

/// Someone who waits for the pool to become idle.
#[derive(Debug)]
pub(super) struct IdleWaiter {
    id: u64,
    pub(super) waker: Waker,
}

/// Names an [`IdleWaiter`], and the round of idleness that it waits for.
#[derive(Clone, Copy, Debug)]
pub(super) struct IdleTicket {
    id: u64,
    pub(super) round: u64,
}

#[derive(Debug)]
pub(super) struct Queue {
    entries: Vec<Entry>,
    /// For each entry the millisecond it was enqueued, counted from the pool's birth; apart from
    /// the entries, since beside them padding would make it cost eight bytes.
    since: Vec<u32>,
    head: Index,
    tail: Index,
    /// The first unused entry; they are linked by `next`.
    vacant: Index,
    /// Entries in use, linked or granted.
    used: u32,
    /// Requests that count as pending and run all the same: observe mode has them.
    pub(super) observed: u32,
    /// Requests that observe mode lets run beyond all limits.
    pub(super) uncounted: u32,
    pub(super) idle_waiters: Vec<IdleWaiter>,
    next_idle_id: u64,
    /// Goes up each time the idle waiters were told.
    pub(super) idle_round: u64,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            since: Vec::new(),
            head: NONE,
            tail: NONE,
            vacant: NONE,
            used: 0,
            observed: 0,
            uncounted: 0,
            idle_waiters: Vec::new(),
            next_idle_id: 0,
            idle_round: 0,
        }
    }

    /// Makes sure that the next [`push`](Self::push) does not allocate.
    pub(super) fn reserve(&mut self) {
        if self.vacant == NONE {
            self.entries.reserve(1);
            self.since.reserve(1);
        }
    }

    /// Links a waiter at the tail.
    pub(super) fn push(&mut self, waker: Waker, now: u32) -> Index {
        let entry = Entry {
            waker: Some(waker),
            prev: self.tail,
            next: NONE,
        };
        let index = if self.vacant == NONE {
            let index = self.entries.len() as Index;
            self.entries.push(entry);
            self.since.push(now);
            index
        } else {
            let index = self.vacant;
            self.vacant = self.entries[index as usize].next;
            self.entries[index as usize] = entry;
            self.since[index as usize] = now;
            index
        };
        match self.tail {
            NONE => self.head = index,
            tail => self.entries[tail as usize].next = index,
        }
        self.tail = index;
        self.used += 1;
        index
    }

    /// Takes the first waiter out of the list, with a slot in hand, and returns its waker.
    pub(super) fn grant_first(&mut self) -> Option<Waker> {
        let index = match self.head {
            NONE => return None,
            head => head,
        };
        self.unlink(index);
        let entry = &mut self.entries[index as usize];
        entry.prev = GRANTED;
        entry.waker.take()
    }

    pub(super) fn is_granted(&self, index: Index) -> bool {
        self.entries[index as usize].prev == GRANTED
    }

    /// The waker that a grant will use.
    pub(super) fn waker(&mut self, index: Index) -> &mut Option<Waker> {
        &mut self.entries[index as usize].waker
    }

    /// Frees an entry that was granted.
    pub(super) fn remove_granted(&mut self, index: Index) {
        debug_assert!(self.is_granted(index));
        self.vacate(index);
    }

    /// Unlinks and frees an entry that still waits; its waker is for the caller to drop, after
    /// the lock.
    pub(super) fn remove_waiting(&mut self, index: Index) -> Option<Waker> {
        debug_assert!(!self.is_granted(index));
        self.unlink(index);
        let waker = self.entries[index as usize].waker.take();
        self.vacate(index);
        waker
    }

    /// When the first waiter came.
    pub(super) fn oldest(&self) -> Option<u32> {
        match self.head {
            NONE => None,
            head => Some(self.since[head as usize]),
        }
    }

    /// Enlists someone who waits for idleness.
    pub(super) fn await_idle(&mut self, waker: Waker) -> IdleTicket {
        let id = self.next_idle_id;
        self.next_idle_id += 1;
        self.idle_waiters.push(IdleWaiter { id, waker });
        IdleTicket {
            id,
            round: self.idle_round,
        }
    }

    /// Takes someone who waited for idleness off the list, unless they were told already.
    pub(super) fn retire_idle(&mut self, ticket: IdleTicket) -> Option<IdleWaiter> {
        let mut waiters = self.idle_waiters.iter();
        let position = waiters.position(|waiter| waiter.id == ticket.id)?;
        Some(self.idle_waiters.swap_remove(position))
    }

    fn unlink(&mut self, index: Index) {
        let Entry { prev, next, .. } = self.entries[index as usize];
        match prev {
            NONE => self.head = next,
            prev => self.entries[prev as usize].next = next,
        }
        match next {
            NONE => self.tail = prev,
            next => self.entries[next as usize].prev = prev,
        }
    }

    fn vacate(&mut self, index: Index) {
        self.used -= 1;
        if self.used == 0 {
            // Nothing is left: start afresh, and give a large slab back.
            self.vacant = NONE;
            self.entries.clear();
            self.since.clear();
            if self.entries.capacity() > KEPT {
                self.entries = Vec::new();
                self.since = Vec::new();
            }
        } else {
            self.entries[index as usize].next = self.vacant;
            self.vacant = index;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Queue};
    use std::task::Waker;

    fn push(queue: &mut Queue, now: u32) -> u32 {
        queue.push(Waker::noop().clone(), now)
    }

    #[test]
    fn grants_in_order_of_arrival() {
        let mut queue = Queue::new();
        let entries: Vec<_> = (0..5).map(|now| push(&mut queue, now)).collect();
        for index in entries {
            assert!(!queue.is_granted(index));
            assert!(queue.grant_first().is_some());
            assert!(queue.is_granted(index));
            queue.remove_granted(index);
        }
        assert!(queue.grant_first().is_none());
    }

    #[test]
    fn a_cancelled_waiter_leaves_the_order_of_the_others() {
        let mut queue = Queue::new();
        let entries: Vec<_> = (0..5).map(|now| push(&mut queue, now)).collect();
        for index in [entries[0], entries[2], entries[4]] {
            assert!(queue.remove_waiting(index).is_some());
        }
        assert_eq!(queue.oldest(), Some(1));
        for index in [entries[1], entries[3]] {
            assert!(queue.grant_first().is_some());
            assert!(queue.is_granted(index));
        }
        assert_eq!(queue.oldest(), None);
    }

    #[test]
    fn an_empty_slab_gives_its_memory_back_if_it_is_large() {
        let mut queue = Queue::new();
        let entries: Vec<_> = (0..10_000).map(|now| push(&mut queue, now)).collect();
        for index in entries {
            queue.remove_waiting(index);
        }
        assert_eq!(queue.entries.capacity(), 0);
        assert_eq!(queue.since.capacity(), 0);

        let entries: Vec<_> = (0..100).map(|now| push(&mut queue, now)).collect();
        for index in entries {
            queue.remove_waiting(index);
        }
        assert!(queue.entries.capacity() > 0 && queue.entries.capacity() <= KEPT);
    }

    #[test]
    fn a_vacant_entry_is_used_again() {
        let mut queue = Queue::new();
        let first = push(&mut queue, 0);
        push(&mut queue, 1);
        queue.remove_waiting(first);
        assert_eq!(push(&mut queue, 2), first);
        assert_eq!(queue.entries.len(), 2);
    }

    #[test]
    fn a_waiter_costs_28_bytes() {
        assert!(size_of::<super::Entry>() + size_of::<u32>() <= 28);
    }
}
