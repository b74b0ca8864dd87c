//! Futures that are dropped, or whose time is up, in each of their states.

use meshpool::admission::Admission;
use tokio_test::task;

use crate::support::{assert_waits, granted, hold, now, queued, queued_many, usage};

#[test]
fn dropped_before_the_first_poll_it_was_never_there() {
    let admission = Admission::new(1, 1);
    drop(admission.acquire());
    drop(task::spawn(admission.acquire()));
    let stats = admission.stats();
    assert_eq!((stats.active, stats.pending, stats.cancelled), (0, 0, 0));
}

#[test]
fn dropped_while_waiting_it_gives_up_its_place_and_the_others_keep_theirs() {
    for dropped in 0..3 {
        let admission = Admission::new(1, 3);
        let held = hold(&admission);
        let mut waiting = Vec::from(queued_many::<3>(&admission));
        drop(waiting.remove(dropped));
        assert_eq!(usage(&admission), (1, 2));
        assert_eq!(admission.stats().cancelled, 1);
        let mut last = queued(&admission);
        drop(held);
        assert_waits(&mut waiting[1]);
        drop(granted(&mut waiting[0]));
        drop(granted(&mut waiting[1]));
        drop(granted(&mut last));
        assert_eq!(usage(&admission), (0, 0));
    }
}

#[test]
fn dropped_after_the_grant_its_slot_goes_to_the_next() {
    let admission = Admission::new(1, 2);
    let held = hold(&admission);
    let [first, mut second] = queued_many::<2>(&admission);
    drop(held);
    assert_waits(&mut second);
    drop(first);
    assert_eq!(usage(&admission), (1, 0));
    drop(granted(&mut second));
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn dropped_after_the_grant_with_nobody_behind_it_its_slot_is_free() {
    let admission = Admission::new(1, 1);
    let held = hold(&admission);
    let waiter = queued(&admission);
    drop(held);
    drop(waiter);
    assert_eq!(usage(&admission), (0, 0));
    drop(hold(&admission));
}

#[test]
fn dropped_after_it_was_ready_it_takes_nothing_with_it() {
    let admission = Admission::new(1, 1);
    let held = hold(&admission);
    let mut waiter = queued(&admission);
    drop(held);
    let permit = granted(&mut waiter);
    drop(waiter);
    assert_eq!(usage(&admission), (1, 0));
    drop(permit);
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn a_granted_future_that_is_kept_and_not_polled_holds_its_slot() {
    let admission = Admission::new(1, 1);
    drop((hold(&admission), ()));
    let held = hold(&admission);
    let waiter = queued(&admission);
    drop(held);
    assert_eq!(usage(&admission), (1, 0));
    assert!(admission.try_acquire().is_err());
    drop(waiter);
}

#[test]
fn a_forgotten_permit_never_gives_its_slot_back() {
    let admission = Admission::new(2, 0);
    std::mem::forget(hold(&admission));
    let _held = hold(&admission);
    assert!(admission.try_acquire().is_err());
}

#[test]
fn time_out_while_waiting_leaves_the_queue() {
    let admission = Admission::new(1, 2);
    let held = hold(&admission);
    let [mut late, mut next] = queued_many::<2>(&admission);
    assert!(late.time_out().is_none());
    assert!(!late.is_waiting());
    let stats = admission.stats();
    assert_eq!((stats.pending, stats.timed_out, stats.cancelled), (1, 1, 0));
    drop(late);
    assert_eq!(admission.stats().cancelled, 0, "it had left already");
    drop(held);
    drop(granted(&mut next));
}

#[test]
fn a_grant_before_the_timer_is_served() {
    let admission = Admission::new(1, 1);
    let held = hold(&admission);
    let mut waiter = queued(&admission);
    drop(held);
    let permit = waiter.time_out().expect("the slot arrived in time");
    let stats = admission.stats();
    assert_eq!((stats.active, stats.timed_out), (1, 0));
    assert_eq!(stats.waits.count(), 1);
    drop(waiter);
    assert_eq!(usage(&admission), (1, 0));
    drop(permit);
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn time_out_of_one_that_does_not_wait_is_nothing() {
    let admission = Admission::new(1, 1);
    assert!(admission.acquire().time_out().is_none());
    let mut done = task::spawn(admission.acquire());
    assert!(done.poll().is_ready());
    assert!(done.time_out().is_none());
    assert_eq!(admission.stats().timed_out, 0);
}

#[test]
fn cancelling_frees_a_place_at_once() {
    let admission = Admission::new(1, 1);
    let _held = hold(&admission);
    for _ in 0..3 {
        let waiter = queued(&admission);
        assert!(now(&admission).is_err());
        drop(waiter);
    }
    assert_eq!(admission.stats().cancelled, 3);
}

#[test]
fn cancelling_under_debt_grants_nothing() {
    let admission = Admission::new(2, 2);
    let _held = (hold(&admission), hold(&admission));
    let [first, mut second] = queued_many::<2>(&admission);
    admission.update(1, 2);
    drop(first);
    assert_waits(&mut second);
    assert_eq!(usage(&admission), (2, 1));
}

#[test]
fn a_slot_dropped_under_debt_pays_it() {
    let admission = Admission::new(1, 2);
    let held = hold(&admission);
    let [first, mut second] = queued_many::<2>(&admission);
    drop(held);
    admission.update(0, 2);
    drop(first);
    assert_waits(&mut second);
    assert_eq!(usage(&admission), (0, 1));
}
