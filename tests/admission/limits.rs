//! Limits: any number, and changed live.

use meshpool::admission::{Admission, Resource};
use tokio_test::{assert_pending, task};

use crate::support::{assert_waits, granted, hold, now, queued, queued_many, refusal, usage};

#[test]
fn as_many_run_as_there_are_slots_and_as_many_wait_as_there_are_places() {
    for (slots, places) in [(1, 1), (1, 3), (3, 1), (2, 0), (0, 2)] {
        let admission = Admission::new(slots, places);
        let running: Vec<_> = (0..slots).map(|_| now(&admission).unwrap()).collect();
        let waiting: Vec<_> = (0..places).map(|_| queued(&admission)).collect();
        assert!(now(&admission).is_err());
        assert_eq!(usage(&admission), (slots, places));
        drop((running, waiting));
        assert_eq!(usage(&admission), (0, 0));
    }
}

#[test]
fn no_slots_and_no_places_admit_nothing() {
    let admission = Admission::new(0, 0);
    assert!(admission.try_acquire().is_err());
    assert_eq!(refusal(&admission), (Resource::MaxRequests, 0));
    assert!(admission.is_saturated());
}

#[test]
fn unlimited_is_none_or_any_number_from_the_largest_signed_one_on() {
    for limit in [None, Some(i32::MAX as u32), Some(1 << 31), Some(u32::MAX)] {
        let admission = Admission::new(limit, limit);
        let stats = admission.stats();
        assert_eq!(
            (stats.max_requests, stats.max_pending_requests),
            (None, None)
        );
        let _held: Vec<_> = (0..100).map(|_| now(&admission).unwrap()).collect();
        assert_eq!(usage(&admission), (100, 0));
        assert!(!admission.is_saturated());
    }
}

#[test]
fn the_largest_limit_is_one_below_unlimited() {
    let largest = i32::MAX as u32 - 1;
    let admission = Admission::new(largest, largest);
    assert_eq!(admission.stats().max_requests, Some(largest));
    assert_eq!(admission.stats().max_pending_requests, Some(largest));
    let held = hold(&admission);
    admission.update(0, largest);
    assert_eq!(usage(&admission), (1, 0));
    admission.update(largest, 0);
    drop(held);
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn a_place_may_be_unlimited_too() {
    let admission = Admission::new(0, None);
    let waiting: Vec<_> = (0..5000).map(|_| queued(&admission)).collect();
    assert_eq!(usage(&admission), (0, 5000));
    admission.update(None, None);
    assert_eq!(usage(&admission), (5000, 0));
    drop(waiting);
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn unlimited_counts_so_that_a_later_limit_sees_the_load() {
    let admission = Admission::new(None, None);
    let held: Vec<_> = (0..3).map(|_| hold(&admission)).collect();
    admission.update(2, 0);
    assert_eq!(usage(&admission), (3, 0));
    assert!(admission.try_acquire().is_err());
    drop(held);
    let _held = (hold(&admission), hold(&admission));
    assert!(admission.try_acquire().is_err());
}

#[test]
fn a_limit_lowered_below_what_is_active_is_a_debt_paid_by_the_next_releases() {
    let admission = Admission::new(3, 1);
    let mut held: Vec<_> = (0..3).map(|_| hold(&admission)).collect();
    admission.update(1, 1);
    let mut waiter = queued(&admission);
    for active in [2, 1] {
        held.pop();
        assert_eq!(usage(&admission), (active, 1), "the release pays");
        assert_waits(&mut waiter);
    }
    held.pop();
    let _permit = granted(&mut waiter);
    assert_eq!(usage(&admission), (1, 0));
}

#[test]
fn a_limit_of_0_drains() {
    let admission = Admission::new(2, 1);
    let held = (hold(&admission), hold(&admission));
    let mut waiter = queued(&admission);
    admission.update(0, 0);
    drop(held);
    assert_eq!(usage(&admission), (0, 1));
    assert_waits(&mut waiter);
    assert_eq!(refusal(&admission), (Resource::MaxRequests, 0));
    admission.update(1, 0);
    drop(granted(&mut waiter));
}

#[test]
fn a_raised_limit_is_granted_at_once_to_as_many_as_fit() {
    let admission = Admission::new(1, 4);
    let _held = hold(&admission);
    let mut waiting = queued_many::<4>(&admission);
    admission.update(3, 4);
    let _permits = (granted(&mut waiting[0]), granted(&mut waiting[1]));
    assert_waits(&mut waiting[2]);
    assert_waits(&mut waiting[3]);
    assert_eq!(usage(&admission), (3, 2));
}

#[test]
fn a_raised_limit_pays_the_debt_before_it_grants() {
    let admission = Admission::new(3, 1);
    let _held: Vec<_> = (0..3).map(|_| hold(&admission)).collect();
    admission.update(1, 1);
    let mut waiter = queued(&admission);
    admission.update(3, 1);
    assert_waits(&mut waiter);
    admission.update(4, 1);
    drop(granted(&mut waiter));
}

#[test]
fn a_raised_number_of_places_admits_more_to_the_queue_at_once() {
    let admission = Admission::new(1, 0);
    let _held = hold(&admission);
    assert_eq!(refusal(&admission), (Resource::MaxRequests, 1));
    admission.update(1, 1);
    let _waiter = queued(&admission);
    assert_eq!(refusal(&admission), (Resource::MaxPendingRequests, 1));
}

#[test]
fn lowering_evicts_no_waiter() {
    let admission = Admission::new(1, 3);
    let held = hold(&admission);
    let [mut a, mut b, mut c] = queued_many::<3>(&admission);
    admission.update(1, 1);
    assert_eq!(usage(&admission), (1, 3));
    assert_eq!(refusal(&admission), (Resource::MaxPendingRequests, 1));
    drop(held);
    drop(granted(&mut a));
    drop(granted(&mut b));
    drop(granted(&mut c));
    let _held = hold(&admission);
    let _waiter = queued(&admission);
    assert_eq!(refusal(&admission), (Resource::MaxPendingRequests, 1));
}

#[test]
fn update_to_the_same_limits_changes_nothing() {
    let admission = Admission::new(1, 1);
    let held = hold(&admission);
    let mut waiter = queued(&admission);
    admission.update(1, 1);
    assert_eq!(usage(&admission), (1, 1));
    assert_waits(&mut waiter);
    drop(held);
    drop(granted(&mut waiter));
}

#[test]
fn update_frees_slots_for_waiters_before_it_takes_places_away() {
    let admission = Admission::new(0, 2);
    let mut waiting = queued_many::<2>(&admission);
    admission.update(2, 0);
    let _permits = waiting.each_mut().map(granted);
    assert_eq!(usage(&admission), (2, 0));
}

#[test]
fn saturated_means_that_the_next_one_waits_or_is_refused() {
    let admission = Admission::new(1, 1);
    assert!(!admission.is_saturated());
    let held = hold(&admission);
    assert!(admission.is_saturated());
    admission.update(2, 1);
    assert!(!admission.is_saturated());
    admission.update(0, 1);
    assert!(admission.is_saturated());
    admission.update(1, 1);
    drop(held);
    assert!(!admission.is_saturated());
}

#[test]
fn clones_and_the_leaked_form_share_their_state() {
    let admission = Admission::new(1, 1);
    let clone = admission.clone();
    let leaked = admission.leak();
    let held = leaked.try_acquire().unwrap();
    assert!(clone.try_acquire().is_err());
    let mut waiter = task::spawn(leaked.acquire());
    assert_pending!(waiter.poll());
    assert_eq!(usage(&clone), (1, 1));
    clone.update(2, 1);
    assert!(waiter.is_woken());
    assert_eq!(leaked.stats().max_requests, Some(2));
    drop((held, waiter));
    drop((admission, clone));
    assert_eq!((leaked.stats().active, leaked.stats().pending), (0, 0));
}
