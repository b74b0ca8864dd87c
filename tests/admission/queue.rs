//! The queue: first in, first out, and nobody overtakes.

use meshpool::admission::Admission;
use tokio_test::{assert_pending, assert_ready, task};

use crate::support::{assert_waits, granted, hold, queued, queued_many, usage};

#[test]
fn waiters_are_served_first_in_first_out() {
    let admission = Admission::new(1, 10);
    let mut held = hold(&admission);
    let mut waiting = queued_many::<10>(&admission);
    for next in 0..10 {
        drop(held);
        for later in &mut waiting[next + 1..] {
            assert_waits(later);
        }
        held = granted(&mut waiting[next]);
    }
}

#[test]
fn the_turn_is_taken_at_the_first_poll() {
    let admission = Admission::new(1, 2);
    let held = hold(&admission);
    let mut made_first = task::spawn(admission.acquire());
    assert_eq!(usage(&admission), (1, 0));
    let mut polled_first = queued(&admission);
    assert_pending!(made_first.poll());
    drop(held);
    assert_waits(&mut made_first);
    drop(granted(&mut polled_first));
    drop(granted(&mut made_first));
}

#[test]
fn a_newcomer_cannot_overtake_who_was_granted_and_not_polled_yet() {
    let admission = Admission::new(1, 2);
    let held = hold(&admission);
    let mut waiter = queued(&admission);
    drop(held);
    // The slot is the waiter's from this moment.
    assert_eq!(usage(&admission), (1, 0));
    assert!(admission.try_acquire().is_err());
    let mut newcomer = queued(&admission);
    drop(granted(&mut waiter));
    drop(granted(&mut newcomer));
}

#[test]
fn one_who_releases_and_comes_again_goes_to_the_end() {
    let admission = Admission::new(1, 2);
    let held = hold(&admission);
    let [mut first, mut second] = queued_many::<2>(&admission);
    drop(held);
    let mut again = queued(&admission);
    drop(granted(&mut first));
    assert_waits(&mut again);
    drop(granted(&mut second));
    drop(granted(&mut again));
}

#[test]
fn a_release_wakes_at_most_the_one_it_grants_to() {
    let admission = Admission::new(2, 3);
    let (one, _other) = (hold(&admission), hold(&admission));
    let mut waiting = queued_many::<3>(&admission);
    drop(one);
    assert_eq!(
        waiting.each_mut().map(|waiter| waiter.is_woken()),
        [true, false, false]
    );
}

#[test]
fn polling_again_keeps_the_turn() {
    let admission = Admission::new(1, 2);
    let held = hold(&admission);
    let [mut first, mut second] = queued_many::<2>(&admission);
    for _ in 0..3 {
        assert_pending!(first.poll());
    }
    assert_eq!(usage(&admission), (1, 2));
    drop(held);
    assert_waits(&mut second);
    drop(granted(&mut first));
}

#[test]
fn acquire_says_whether_it_waits() {
    let admission = Admission::new(1, 1);
    let held = hold(&admission);
    let mut waiter = task::spawn(admission.acquire());
    assert!(!waiter.is_waiting());
    assert_pending!(waiter.poll());
    assert!(waiter.is_waiting());
    drop(held);
    assert!(waiter.is_waiting(), "it has not been polled since");
    let _permit = assert_ready!(waiter.poll());
    assert!(!waiter.is_waiting());
}

#[test]
#[should_panic(expected = "polled after it was ready")]
fn polling_after_ready_panics() {
    let admission = Admission::new(2, 1);
    let mut acquire = task::spawn(admission.acquire());
    let _permit = assert_ready!(acquire.poll());
    let _ = acquire.poll();
}

#[test]
fn try_acquire_takes_a_slot_and_never_a_place() {
    let admission = Admission::new(1, 5);
    let held = hold(&admission);
    assert!(admission.try_acquire().is_err());
    assert_eq!(usage(&admission), (1, 0));
    drop(held);
    drop(hold(&admission));
}
