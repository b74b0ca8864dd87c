//! The waiters: a FIFO queue of wakers, each under the number of its ticket. Only touched under
//! the lock.
//!
//! Tickets rise, and grants go by their order, so that two things need no more than a comparison:
//! whether a waiter was granted its slot (its ticket is not after the last one granted), and where
//! an entry is (a binary search). An entry is 24 bytes. Whoever cancels leaves a gap; gaps are
//! closed as soon as they are at either end or more than half of the queue, so that they never
//! hold more memory than those who wait do.

use std::collections::VecDeque;
use std::task::Waker;

/// A waiter's number. Where waits are timed it is the nanosecond at which the waiter came, or the
/// next one that is free.
pub(in crate::admission) type Ticket = u64;

/// How many entries an empty queue may keep room for, for the next burst.
const KEPT: usize = 1024;
/// How many gaps are not worth closing.
const TOLERATED: usize = 32;

#[derive(Debug)]
struct Entry {
    ticket: Ticket,
    /// `None` is a gap.
    waker: Option<Waker>,
}

/// The first and the last entry are never gaps.
#[derive(Debug)]
pub(super) struct Queue {
    entries: VecDeque<Entry>,
    gaps: usize,
    last: Ticket,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            gaps: 0,
            last: 0,
        }
    }

    /// Makes sure that the next [`push`](Self::push) does not allocate.
    pub(super) fn reserve(&mut self) {
        self.entries.reserve(1);
    }

    /// Puts a waiter at the end. Its ticket is `at_least`, if that is after all others.
    pub(super) fn push(&mut self, waker: Waker, at_least: Ticket) -> Ticket {
        self.last = at_least.max(self.last + 1);
        self.entries.push_back(Entry {
            ticket: self.last,
            waker: Some(waker),
        });
        self.last
    }

    /// Takes the first waiter out, with its waker.
    pub(super) fn pop(&mut self) -> Option<(Ticket, Waker)> {
        let Entry { ticket, waker } = self.entries.pop_front()?;
        self.trim();
        waker.map(|waker| (ticket, waker))
    }

    /// Takes a waiter out that waits; its waker is for the caller to drop, after the lock.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Waker> {
        let waker = self.waker(ticket).take();
        self.gaps += 1;
        self.trim();
        waker
    }

    /// The waker of one that waits.
    pub(super) fn waker(&mut self, ticket: Ticket) -> &mut Option<Waker> {
        let index = self
            .entries
            .binary_search_by_key(&ticket, |entry| entry.ticket)
            .expect("a ticket that was neither granted nor given up is in the queue");
        &mut self.entries[index].waker
    }

    /// The ticket of the first waiter.
    pub(super) fn first(&self) -> Option<Ticket> {
        self.entries.front().map(|entry| entry.ticket)
    }

    /// Gives back what is not needed, where that is due.
    #[inline]
    fn trim(&mut self) {
        if self.gaps > 0 {
            self.close_gaps();
        }
        if self.entries.is_empty() && self.entries.capacity() > KEPT {
            self.entries = VecDeque::new();
        }
    }

    #[cold]
    fn close_gaps(&mut self) {
        while self.entries.front().is_some_and(Entry::is_gap) {
            self.entries.pop_front();
            self.gaps -= 1;
        }
        while self.entries.back().is_some_and(Entry::is_gap) {
            self.entries.pop_back();
            self.gaps -= 1;
        }
        if self.gaps > TOLERATED && self.gaps > self.entries.len() / 2 {
            self.entries.retain(|entry| !entry.is_gap());
            self.gaps = 0;
            if self.entries.len() < self.entries.capacity() / 4 {
                self.entries.shrink_to(KEPT.max(2 * self.entries.len()));
            }
        }
    }
}

impl Entry {
    fn is_gap(&self) -> bool {
        self.waker.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, KEPT, Queue, TOLERATED, Ticket};
    use std::task::Waker;

    fn push(queue: &mut Queue) -> Ticket {
        queue.push(Waker::noop().clone(), 0)
    }

    fn pop(queue: &mut Queue) -> Option<Ticket> {
        queue.pop().map(|(ticket, _)| ticket)
    }

    #[test]
    fn tickets_rise_and_go_first_in_first_out() {
        let mut queue = Queue::new();
        let tickets: Vec<_> = (0..5).map(|_| push(&mut queue)).collect();
        assert!(tickets.is_sorted_by(|a, b| a < b));
        for ticket in tickets {
            assert_eq!(queue.first(), Some(ticket));
            assert_eq!(pop(&mut queue), Some(ticket));
        }
        assert_eq!(pop(&mut queue), None);
    }

    #[test]
    fn a_ticket_is_no_lower_than_asked_for_and_never_given_twice() {
        let mut queue = Queue::new();
        let waker = Waker::noop();
        assert_eq!(queue.push(waker.clone(), 70), 70);
        assert_eq!(queue.push(waker.clone(), 70), 71);
        assert_eq!(queue.push(waker.clone(), 3), 72);
        assert_eq!(queue.push(waker.clone(), 90), 90);
    }

    #[test]
    fn who_gives_up_leaves_the_order_of_the_others() {
        let mut queue = Queue::new();
        let tickets: Vec<_> = (0..5).map(|_| push(&mut queue)).collect();
        for ticket in [tickets[0], tickets[2], tickets[4]] {
            assert!(queue.remove(ticket).is_some());
        }
        assert_eq!(queue.first(), Some(tickets[1]));
        assert_eq!(pop(&mut queue), Some(tickets[1]));
        assert_eq!(pop(&mut queue), Some(tickets[3]));
        assert_eq!(queue.first(), None);
        assert!(queue.entries.is_empty());
    }

    #[test]
    fn gaps_never_outnumber_those_who_wait_by_more_than_a_few() {
        let mut queue = Queue::new();
        let first = push(&mut queue);
        for _ in 0..100_000 {
            let ticket = push(&mut queue);
            let last = push(&mut queue);
            queue.remove(ticket);
            assert!(queue.entries.len() <= 2 * (2 + TOLERATED));
            queue.remove(last);
        }
        assert!(queue.entries.capacity() <= KEPT);
        assert_eq!(pop(&mut queue), Some(first));
    }

    #[test]
    fn a_long_queue_that_nearly_all_gave_up_gives_its_memory_back() {
        let mut queue = Queue::new();
        let tickets: Vec<_> = (0..100_000).map(|_| push(&mut queue)).collect();
        let (last, others) = tickets.split_last().unwrap();
        let (first, middle) = others.split_first().unwrap();
        for ticket in middle {
            queue.remove(*ticket);
        }
        assert!(queue.entries.capacity() <= 4 * KEPT);
        assert_eq!(pop(&mut queue), Some(*first));
        assert_eq!(pop(&mut queue), Some(*last));
        assert!(queue.entries.capacity() <= KEPT);
    }

    #[test]
    fn a_short_queue_that_is_empty_keeps_its_memory() {
        let mut queue = Queue::new();
        for _ in 0..100 {
            push(&mut queue);
        }
        while pop(&mut queue).is_some() {}
        assert!((1..=KEPT).contains(&queue.entries.capacity()));
    }

    #[test]
    fn a_waiter_costs_24_bytes() {
        assert_eq!(size_of::<Entry>(), 24);
    }
}
