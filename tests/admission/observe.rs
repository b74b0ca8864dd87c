//! Observe mode: everything runs, and what would have happened is counted.

use meshpool::admission::{Admission, Resource};
use tokio_test::{assert_pending, assert_ready, task};

use crate::support::{assert_waits, granted, hold, now, queued, queued_many, refusal, usage};

fn observing(slots: u32, places: u32) -> Admission {
    let admission = Admission::new(slots, places);
    admission.set_observing(true);
    admission
}

#[test]
fn nothing_is_refused_and_nothing_waits() {
    let admission = observing(1, 1);
    assert!(admission.stats().observing);
    let held: Vec<_> = (0..5).map(|_| now(&admission).unwrap()).collect();
    let stats = admission.stats();
    assert_eq!((stats.active, stats.pending, stats.uncounted), (1, 1, 3));
    assert_eq!((stats.queued, stats.would_overflow), (1, 3));
    assert_eq!(stats.overflowed.total(), 0);
    drop(held);
    let stats = admission.stats();
    assert_eq!((stats.active, stats.pending, stats.uncounted), (0, 0, 0));
}

#[test]
fn try_acquire_never_waits_so_it_would_be_refused() {
    let admission = observing(1, 1);
    let _held = hold(&admission);
    let _uncounted = admission.try_acquire().unwrap();
    let stats = admission.stats();
    assert_eq!((stats.active, stats.pending, stats.uncounted), (1, 0, 1));
    assert_eq!(stats.would_overflow, 1);
}

#[test]
fn with_no_limits_nothing_would_happen() {
    let admission = Admission::new(None, None);
    admission.set_observing(true);
    let _held: Vec<_> = (0..5).map(|_| now(&admission).unwrap()).collect();
    let stats = admission.stats();
    assert_eq!((stats.active, stats.pending, stats.uncounted), (5, 0, 0));
}

#[test]
fn when_a_counted_one_ends_one_that_would_have_waited_takes_its_slot() {
    let admission = observing(1, 2);
    let mut held: Vec<_> = (0..3).map(|_| now(&admission).unwrap()).collect();
    for usage_then in [(1, 1), (1, 0), (0, 0)] {
        held.pop();
        assert_eq!(usage(&admission), usage_then);
    }
}

#[test]
fn when_an_uncounted_one_ends_nothing_else_changes() {
    let admission = observing(1, 0);
    let held = hold(&admission);
    let uncounted = hold(&admission);
    drop(uncounted);
    let stats = admission.stats();
    assert_eq!((stats.active, stats.pending, stats.uncounted), (1, 0, 0));
    assert_eq!(stats.would_overflow, 1, "a count of what happened stays");
    drop(held);
}

#[test]
fn turning_to_observe_lets_those_run_who_wait() {
    let admission = Admission::new(1, 3);
    let held = hold(&admission);
    let mut waiting = queued_many::<3>(&admission);
    admission.set_observing(true);
    assert_eq!(usage(&admission), (1, 3), "they count as pending still");
    let permits = waiting.each_mut().map(granted);
    drop(held);
    assert_eq!(usage(&admission), (1, 2));
    drop(permits);
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn one_let_run_and_then_dropped_unpolled_counts_no_more() {
    let admission = Admission::new(1, 2);
    let _held = hold(&admission);
    let [first, mut second] = queued_many::<2>(&admission);
    admission.set_observing(true);
    drop(first);
    assert_eq!(usage(&admission), (1, 1));
    drop(granted(&mut second));
    assert_eq!(usage(&admission), (1, 0));
}

#[test]
fn turning_to_enforce_makes_a_debt_of_those_who_count_as_pending() {
    let admission = observing(1, 2);
    let mut held: Vec<_> = (0..3).map(|_| now(&admission).unwrap()).collect();
    admission.set_observing(false);
    let stats = admission.stats();
    assert_eq!((stats.active, stats.pending), (3, 0));
    assert_eq!(stats.peak_active, 3);
    assert!(!stats.observing);
    assert!(admission.try_acquire().is_err());
    let mut waiter = queued(&admission);
    held.pop();
    held.pop();
    assert_waits(&mut waiter);
    held.pop();
    drop(granted(&mut waiter));
}

#[test]
fn the_uncounted_stay_uncounted_when_it_enforces_again() {
    let admission = observing(1, 0);
    let held = hold(&admission);
    let uncounted = hold(&admission);
    admission.set_observing(false);
    let stats = admission.stats();
    assert_eq!((stats.active, stats.pending, stats.uncounted), (1, 0, 1));
    drop(held);
    let held = hold(&admission);
    drop(uncounted);
    assert_eq!(usage(&admission), (1, 0));
    assert_eq!(refusal(&admission), (Resource::MaxRequests, 1));
    drop(held);
}

#[test]
fn switching_to_the_mode_it_is_in_changes_nothing() {
    let admission = Admission::new(1, 1);
    let held = hold(&admission);
    let mut waiter = queued(&admission);
    admission.set_observing(false);
    assert_waits(&mut waiter);
    assert_eq!(usage(&admission), (1, 1));
    admission.set_observing(true);
    admission.set_observing(true);
    assert_eq!(usage(&admission), (1, 1));
    drop((held, granted(&mut waiter)));
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn limits_change_while_it_observes() {
    let admission = observing(1, 2);
    let held: Vec<_> = (0..3).map(|_| now(&admission).unwrap()).collect();
    admission.update(2, 2);
    assert_eq!(usage(&admission), (2, 1));
    admission.update(1, 0);
    assert_eq!(usage(&admission), (2, 1));
    drop(held);
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn a_limit_of_0_is_observed_too() {
    let admission = observing(0, 1);
    let pending = now(&admission).unwrap();
    let uncounted = now(&admission).unwrap();
    let stats = admission.stats();
    assert_eq!((stats.active, stats.pending, stats.uncounted), (0, 1, 1));
    drop(pending);
    drop(uncounted);
    let stats = admission.stats();
    assert_eq!((stats.active, stats.pending, stats.uncounted), (0, 0, 0));
}

#[test]
fn idle_waits_for_everything_that_runs() {
    let admission = observing(1, 1);
    let [active, pending, uncounted] = [(); 3].map(|()| now(&admission).unwrap());
    let mut idle = task::spawn(admission.idle());
    assert_pending!(idle.poll());
    drop(active);
    assert_pending!(idle.poll());
    drop(pending);
    assert_pending!(idle.poll());
    drop(uncounted);
    assert!(idle.is_woken());
    assert_ready!(idle.poll());
}
