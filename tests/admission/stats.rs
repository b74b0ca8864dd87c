//! What is counted.

use std::time::Duration;

use meshpool::admission::Admission;
use tokio_test::task;

use crate::support::{assert_waits, granted, hold, now, queued, queued_many};

#[test]
fn a_new_one_has_counted_nothing() {
    let stats = Admission::new(7, 3).stats();
    assert_eq!(stats.max_requests, Some(7));
    assert_eq!(stats.max_pending_requests, Some(3));
    assert!(!stats.closed && !stats.observing);
    assert_eq!((stats.active, stats.pending, stats.uncounted), (0, 0, 0));
    assert_eq!((stats.queued, stats.cancelled, stats.timed_out), (0, 0, 0));
    assert_eq!((stats.overflowed.total(), stats.would_overflow), (0, 0));
    assert_eq!((stats.peak_active, stats.peak_pending), (0, 0));
    assert_eq!((stats.waits.count(), stats.waits.sum), (0, Duration::ZERO));
    assert_eq!(stats.oldest_waiter, None);
}

#[test]
fn peaks_are_the_most_at_once_and_stay() {
    let admission = Admission::new(3, 3);
    let held: Vec<_> = (0..2).map(|_| hold(&admission)).collect();
    drop(held);
    drop(hold(&admission));
    assert_eq!(admission.stats().peak_active, 2);
    let held: Vec<_> = (0..3).map(|_| hold(&admission)).collect();
    let waiting = queued_many::<2>(&admission);
    drop((waiting, held));
    let stats = admission.stats();
    assert_eq!((stats.active, stats.pending), (0, 0));
    assert_eq!((stats.peak_active, stats.peak_pending), (3, 2));
}

#[test]
fn peak_active_follows_limits_that_change() {
    let admission = Admission::new(1, 1);
    let mut held = vec![hold(&admission)];
    assert_eq!(admission.stats().peak_active, 1);
    admission.update(10, 1);
    held.push(hold(&admission));
    assert_eq!(admission.stats().peak_active, 2);
    admission.update(None, 1);
    held.push(hold(&admission));
    assert_eq!(admission.stats().peak_active, 3);
    admission.update(4, 1);
    held.push(hold(&admission));
    assert_eq!(admission.stats().peak_active, 4);
    admission.update(0, 1);
    held.clear();
    admission.update(4, 1);
    drop(hold(&admission));
    assert_eq!(admission.stats().peak_active, 4);
}

#[test]
fn a_grant_may_be_the_peak() {
    let admission = Admission::new(1, 2);
    let _held = hold(&admission);
    let _waiting = queued_many::<2>(&admission);
    admission.update(3, 2);
    assert_eq!(admission.stats().peak_active, 3);
}

#[test]
fn whoever_had_to_wait_is_counted_by_how_it_ended() {
    let admission = Admission::new(1, 5);
    let held = hold(&admission);
    let [mut served, cancelled, mut late, granted_and_dropped, waits] =
        queued_many::<5>(&admission);
    drop(cancelled);
    assert!(late.time_out().is_none());
    drop(held);
    drop(granted(&mut served));
    drop(granted_and_dropped);
    let stats = admission.stats();
    assert_eq!(stats.queued, 5);
    assert_eq!((stats.cancelled, stats.timed_out), (2, 1));
    assert_eq!(
        stats.waits.count(),
        1,
        "the last was granted, and has not seen it"
    );
    drop(waits);
    assert_eq!(admission.stats().cancelled, 3);
}

#[test]
fn whoever_is_admitted_at_once_is_not_counted_as_waiting() {
    let admission = Admission::new(1, 1);
    drop(now(&admission));
    drop(hold(&admission));
    let stats = admission.stats();
    assert_eq!((stats.queued, stats.waits.count()), (0, 0));
}

#[test]
fn the_histogram_has_rising_bounds_and_a_last_bucket_without_one() {
    let admission = Admission::new(1, 2);
    let held = hold(&admission);
    let mut waiting = queued_many::<2>(&admission);
    drop(held);
    for waiter in &mut waiting {
        drop(granted(waiter));
    }
    let waits = admission.stats().waits;
    assert_eq!(waits.count(), 2);
    assert!(waits.sum > Duration::ZERO);
    let (last, bounded) = waits.buckets.split_last().unwrap();
    assert_eq!(last.up_to, None);
    assert!(bounded.iter().all(|bucket| bucket.up_to.is_some()));
    assert!(bounded.is_sorted_by(|one, other| one.up_to < other.up_to));
}

#[test]
fn the_oldest_waiter_is_the_first_in_the_queue() {
    let admission = Admission::new(0, 3);
    assert_eq!(admission.stats().oldest_waiter, None);
    let first = queued(&admission);
    let age = admission.stats().oldest_waiter.unwrap();
    // No clock can be turned here: wait until the first is a little older.
    while admission.stats().oldest_waiter.unwrap() <= age + Duration::from_millis(3) {
        std::hint::spin_loop();
    }
    let mut second = queued(&admission);
    let before = admission.stats().oldest_waiter.unwrap();
    assert!(before > age);
    admission.update(1, 3);
    assert!(first.is_woken());
    assert!(
        admission.stats().oldest_waiter.is_some(),
        "the second is the oldest now"
    );
    assert_waits(&mut second);
    drop(first);
    drop(granted(&mut second));
    assert_eq!(admission.stats().oldest_waiter, None);
}

#[test]
fn a_leaked_one_counts_in_the_same_place() {
    let admission = Admission::new(1, 1);
    let leaked = admission.leak();
    let _held = leaked.try_acquire().unwrap();
    let mut waiter = task::spawn(leaked.acquire());
    assert!(waiter.poll().is_pending());
    let stats = admission.stats();
    assert_eq!((stats.active, stats.pending, stats.queued), (1, 1, 1));
    assert_eq!(stats.peak_active, leaked.stats().peak_active);
}
