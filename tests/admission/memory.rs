//! What it allocates, and what it gives back.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

use allocation_counter::measure;
use meshpool::admission::{Acquire, Admission, Permit, Shared};

use crate::support::hold;

fn queued(admission: &Admission) -> Acquire<Shared> {
    let mut acquire = admission.acquire();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut acquire).poll(&mut cx).is_pending());
    acquire
}

/// Waits for the slot of a permit, which is then given back.
fn queued_behind(admission: &Admission, held: Permit<Shared>) -> Acquire<Shared> {
    let acquire = queued(admission);
    drop(held);
    acquire
}

#[test]
fn admitting_and_refusing_allocate_nothing() {
    let admission = Admission::new(1, 0);
    let info = measure(|| {
        for _ in 0..100 {
            let held = hold(&admission);
            assert!(admission.try_acquire().is_err());
            drop(held);
        }
    });
    assert_eq!(info.count_total, 0);
}

#[test]
fn a_hand_off_allocates_nothing_once_the_queue_is_there() {
    let admission = Admission::new(1, 1);
    let mut waiting = queued_behind(&admission, hold(&admission));
    let info = measure(|| {
        for _ in 0..100 {
            let granted = waiting.time_out().expect("the slot was given back");
            waiting = queued_behind(&admission, granted);
        }
    });
    assert_eq!(info.count_total, 0);
}

#[test]
fn a_large_queue_that_has_become_empty_gives_its_memory_back() {
    let admission = Admission::new(0, None);
    let info = measure(|| {
        let waiting: Vec<_> = (0..100_000).map(|_| queued(&admission)).collect();
        drop(waiting);
    });
    assert!(info.bytes_max > 2_000_000, "they took memory");
    assert_eq!(info.bytes_current, 0);
}

#[test]
fn a_waiter_takes_24_bytes() {
    const WAITERS: usize = 1 << 14;
    let admission = Admission::new(0, None);
    let mut waiting = Vec::with_capacity(WAITERS);
    let info = measure(|| waiting.extend((0..WAITERS).map(|_| queued(&admission))));
    assert!(info.bytes_current <= 24 * WAITERS as i64, "{info:?}");
}

#[test]
fn a_million_cancelled_waiters_leave_nothing_behind() {
    let admission = Admission::new(0, None);
    // One stays, so that the queue never becomes empty.
    let _first = queued(&admission);
    let info = measure(|| {
        for _ in 0..1_000_000 {
            drop(queued(&admission));
        }
    });
    assert!(info.bytes_max < 1024, "{info:?}");
}

#[test]
fn cancelled_waiters_between_others_leave_nothing_behind() {
    let admission = Admission::new(0, None);
    let _first = queued(&admission);
    let mut last = queued(&admission);
    let info = measure(|| {
        for _ in 0..100_000 {
            let cancelled = queued(&admission);
            // It comes after the one that goes, which so is between others.
            last = queued(&admission);
            drop(cancelled);
        }
    });
    drop(last);
    assert!(info.bytes_max < 8 * 1024, "{info:?}");
}

#[test]
fn what_was_never_leaked_is_freed_with_the_last_permit() {
    let info = measure(|| {
        let admission = Admission::new(1, 1);
        let held = hold(&admission);
        let waiting = queued(&admission);
        drop(admission);
        drop((held, waiting));
    });
    assert_eq!(info.bytes_current, 0);
}
