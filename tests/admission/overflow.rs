//! What a refusal says.

use std::error::Error;

use meshpool::admission::{Admission, Overflow, Resource};

use crate::support::{hold, now, queued, queued_many};

#[test]
fn without_places_the_slots_refuse() {
    let admission = Admission::new(2, 0);
    let _held = (hold(&admission), hold(&admission));
    for overflow in [now(&admission), admission.try_acquire()].map(Result::unwrap_err) {
        assert_eq!(overflow.resource, Resource::MaxRequests);
        assert_eq!(
            (overflow.limit, overflow.active, overflow.pending),
            (2, 2, 0)
        );
    }
    assert_eq!(admission.stats().overflowed.max_requests, 2);
}

#[test]
fn with_places_the_places_refuse() {
    let admission = Admission::new(1, 2);
    let _held = hold(&admission);
    let _waiting = queued_many::<2>(&admission);
    let overflow = now(&admission).unwrap_err();
    assert_eq!(overflow.resource, Resource::MaxPendingRequests);
    assert_eq!(
        (overflow.limit, overflow.active, overflow.pending),
        (2, 1, 2)
    );
    let stats = admission.stats();
    assert_eq!(stats.overflowed.max_pending_requests, 1);
    assert_eq!(stats.overflowed.total(), 1);
}

#[test]
fn try_acquire_is_refused_by_the_slots_whatever_the_places() {
    let admission = Admission::new(1, 1);
    let _held = hold(&admission);
    let before = admission.try_acquire().unwrap_err();
    let _waiter = queued(&admission);
    let after = admission.try_acquire().unwrap_err();
    assert_eq!(
        [before.resource, after.resource],
        [Resource::MaxRequests; 2]
    );
    assert_eq!([before.limit, after.limit], [1, 1]);
    assert_eq!([before.pending, after.pending], [0, 1]);
}

#[test]
fn under_debt_more_are_active_than_the_limit() {
    let admission = Admission::new(3, 0);
    let _held: Vec<_> = (0..3).map(|_| hold(&admission)).collect();
    admission.update(1, 0);
    let overflow = now(&admission).unwrap_err();
    assert_eq!((overflow.limit, overflow.active), (1, 3));
}

#[test]
fn a_lowered_number_of_places_refuses_with_the_new_one() {
    let admission = Admission::new(1, 3);
    let _held = hold(&admission);
    let _waiting = queued_many::<3>(&admission);
    admission.update(1, 2);
    let overflow = now(&admission).unwrap_err();
    assert_eq!((overflow.limit, overflow.pending), (2, 3));
    admission.update(1, 0);
    let overflow = now(&admission).unwrap_err();
    assert_eq!(overflow.resource, Resource::MaxRequests);
    assert_eq!((overflow.limit, overflow.pending), (1, 3));
}

#[test]
fn it_says_so_in_words() {
    let admission = Admission::new(1, 2);
    let _held = hold(&admission);
    let _waiting = queued_many::<2>(&admission);
    assert_eq!(
        now(&admission).unwrap_err().to_string(),
        "max_pending_requests limit of 2 reached (1 active, 2 pending)"
    );
    assert_eq!(
        admission.try_acquire().unwrap_err().to_string(),
        "max_requests limit of 1 reached (1 active, 2 pending)"
    );
    admission.close();
    assert_eq!(
        now(&admission).unwrap_err().to_string(),
        "pool is closed (1 active, 2 pending)"
    );
}

#[test]
fn a_resource_is_named_as_its_limit() {
    for (resource, name) in [
        (Resource::MaxRequests, "max_requests"),
        (Resource::MaxPendingRequests, "max_pending_requests"),
        (Resource::Closed, "closed"),
    ] {
        assert_eq!(resource.as_str(), name);
        assert_eq!(resource.to_string(), name);
    }
}

#[test]
fn it_is_a_small_error_that_can_be_boxed_and_found_again() {
    assert!(size_of::<Overflow>() <= 16);
    let overflow = Admission::new(0, 0).try_acquire().unwrap_err();
    let boxed: Box<dyn Error + Send + Sync> = overflow.into();
    assert!(boxed.source().is_none());
    assert_eq!(boxed.downcast_ref::<Overflow>(), Some(&overflow));
}
