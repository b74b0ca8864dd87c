//! What all of these tests use.

use meshpool::admission::{Acquire, Admission, Overflow, Permit, Resource, Shared, Stats};
use tokio_test::task::{self, Spawn};
use tokio_test::{assert_pending, assert_ready};

pub(crate) type Waiter = Spawn<Acquire<Shared>>;
pub(crate) type Admitted = Result<Permit<Shared>, Overflow>;

/// A future that has been polled and waits.
#[track_caller]
pub(crate) fn queued(admission: &Admission) -> Waiter {
    let mut waiter = task::spawn(admission.acquire());
    assert_pending!(waiter.poll());
    assert!(!waiter.is_woken());
    waiter
}

pub(crate) fn queued_many<const N: usize>(admission: &Admission) -> [Waiter; N] {
    std::array::from_fn(|_| queued(admission))
}

#[track_caller]
pub(crate) fn hold(admission: &Admission) -> Permit<Shared> {
    admission.try_acquire().expect("there is a slot")
}

/// The answer of a future that is polled once and must have one.
#[track_caller]
pub(crate) fn now(admission: &Admission) -> Admitted {
    assert_ready!(task::spawn(admission.acquire()).poll())
}

/// What refuses the next request that may wait.
#[track_caller]
pub(crate) fn refusal(admission: &Admission) -> (Resource, u32) {
    let overflow = now(admission).expect_err("there is no room");
    (overflow.resource, overflow.limit)
}

/// Takes the grant that has arrived, and been told of.
#[track_caller]
pub(crate) fn granted(waiter: &mut Waiter) -> Permit<Shared> {
    assert!(waiter.is_woken());
    assert_ready!(waiter.poll()).expect("who waits is not refused")
}

/// Whether it has been granted anything; polls nothing.
#[track_caller]
pub(crate) fn assert_waits(waiter: &mut Waiter) {
    assert!(!waiter.is_woken());
    assert_pending!(waiter.poll());
}

/// Active and pending.
pub(crate) fn usage(admission: &Admission) -> (u32, u32) {
    let Stats {
        active, pending, ..
    } = admission.stats();
    (active, pending)
}
