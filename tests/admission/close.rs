//! Closing, and waiting until nothing runs.

use meshpool::admission::{Admission, Resource};
use tokio_test::{assert_pending, assert_ready, task};

use crate::support::{assert_waits, granted, hold, now, queued, queued_many, refusal, usage};

#[test]
fn close_refuses_everything_new() {
    let admission = Admission::new(5, 5);
    assert!(!admission.is_closed());
    admission.close();
    assert!(admission.is_closed());
    assert!(admission.stats().closed);
    assert_eq!(refusal(&admission), (Resource::Closed, 0));
    assert_eq!(
        admission.try_acquire().unwrap_err().resource,
        Resource::Closed
    );
    assert_eq!(admission.stats().overflowed.closed, 2);
}

#[test]
fn close_refuses_who_was_made_before_and_not_polled() {
    let admission = Admission::new(5, 5);
    let mut acquire = task::spawn(admission.acquire());
    admission.close();
    assert!(assert_ready!(acquire.poll()).is_err());
}

#[test]
fn close_serves_those_who_are_active_or_wait() {
    let admission = Admission::new(1, 2);
    let held = hold(&admission);
    let [mut first, mut second] = queued_many::<2>(&admission);
    admission.close();
    assert_waits(&mut first);
    drop(held);
    drop(granted(&mut first));
    drop(granted(&mut second));
    assert!(admission.try_acquire().is_err());
}

#[test]
fn close_cannot_be_undone_by_new_limits_or_by_observing() {
    let admission = Admission::new(1, 0);
    admission.close();
    admission.close();
    admission.update(10, 10);
    assert!(now(&admission).is_err());
    admission.set_observing(true);
    assert!(now(&admission).is_err());
    admission.set_observing(false);
    assert!(admission.is_closed());
    assert!(now(&admission).is_err());
}

#[test]
fn limits_of_a_closed_admission_still_change() {
    let admission = Admission::new(0, 1);
    let mut waiter = queued(&admission);
    admission.close();
    admission.update(1, 0);
    drop(granted(&mut waiter));
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn idle_is_ready_at_once_when_nothing_runs() {
    let admission = Admission::new(1, 1);
    assert_ready!(task::spawn(admission.idle()).poll());
    admission.close();
    assert_ready!(task::spawn(admission.idle()).poll());
}

#[test]
fn idle_waits_for_the_last_permit() {
    for close in [false, true] {
        let admission = Admission::new(2, 0);
        let (one, other) = (hold(&admission), hold(&admission));
        if close {
            admission.close();
        }
        let mut idle = task::spawn(admission.idle());
        assert_pending!(idle.poll());
        drop(one);
        assert!(!idle.is_woken());
        assert_pending!(idle.poll());
        drop(other);
        assert!(idle.is_woken());
        assert_ready!(idle.poll());
    }
}

#[test]
fn idle_waits_for_those_who_wait() {
    let admission = Admission::new(0, 2);
    let [first, mut second] = queued_many::<2>(&admission);
    admission.close();
    let mut idle = task::spawn(admission.idle());
    assert_pending!(idle.poll());
    drop(first);
    assert_pending!(idle.poll());
    assert!(second.time_out().is_none());
    assert!(idle.is_woken());
    assert_ready!(idle.poll());
}

#[test]
fn idle_waits_for_who_was_granted_and_not_polled() {
    let admission = Admission::new(1, 1);
    let held = hold(&admission);
    let waiter = queued(&admission);
    let mut idle = task::spawn(admission.idle());
    assert_pending!(idle.poll());
    drop(held);
    assert_pending!(idle.poll());
    drop(waiter);
    assert_ready!(idle.poll());
}

#[test]
fn idle_is_not_told_by_a_debt_that_is_paid() {
    let admission = Admission::new(2, 0);
    let (one, other) = (hold(&admission), hold(&admission));
    admission.update(1, 0);
    let mut idle = task::spawn(admission.idle());
    assert_pending!(idle.poll());
    drop(one);
    assert_pending!(idle.poll());
    admission.update(0, 0);
    assert_pending!(idle.poll());
    drop(other);
    assert_ready!(idle.poll());
}

#[test]
fn idle_tells_of_a_moment_that_has_passed() {
    let admission = Admission::new(1, 0);
    let held = hold(&admission);
    let mut idle = task::spawn(admission.idle());
    assert_pending!(idle.poll());
    drop(held);
    let _held = hold(&admission);
    assert!(idle.is_woken());
    assert_ready!(idle.poll());
}

#[test]
fn all_who_wait_for_idleness_are_told() {
    let admission = Admission::new(1, 0);
    let held = hold(&admission);
    let mut waiting: [_; 3] = std::array::from_fn(|_| task::spawn(admission.idle()));
    for idle in &mut waiting {
        assert_pending!(idle.poll());
    }
    let [mut first, dropped, mut last] = waiting;
    drop(dropped);
    drop(held);
    assert_ready!(first.poll());
    assert_ready!(last.poll());
}

#[test]
fn waiting_for_idleness_refuses_nothing() {
    let admission = Admission::new(2, 1);
    let first = hold(&admission);
    let mut idle = task::spawn(admission.idle());
    assert_pending!(idle.poll());
    let second = now(&admission).unwrap();
    let mut waiter = queued(&admission);
    assert_eq!(refusal(&admission), (Resource::MaxPendingRequests, 1));
    drop(first);
    drop((second, granted(&mut waiter)));
    assert_ready!(idle.poll());
    drop((hold(&admission), hold(&admission)));
}

#[test]
fn dropping_idle_loses_nothing() {
    let admission = Admission::new(1, 1);
    let held = hold(&admission);
    for _ in 0..3 {
        let mut idle = task::spawn(admission.idle());
        assert_pending!(idle.poll());
    }
    let mut waiter = queued(&admission);
    drop(held);
    drop(granted(&mut waiter));
    assert_ready!(task::spawn(admission.idle()).poll());
}

#[test]
fn the_waker_of_the_last_poll_of_idle_is_woken() {
    let admission = Admission::new(1, 0);
    let held = hold(&admission);
    let mut idle = task::spawn(admission.idle());
    assert_pending!(idle.poll());
    let mut moved = task::spawn(idle.into_inner());
    assert_pending!(moved.poll());
    drop(held);
    assert!(moved.is_woken());
    assert_ready!(moved.poll());
}
