//! Wakers are foreign code: they may panic, and they may call back.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

use meshpool::admission::{Acquire, Admission, Shared};
use tokio_test::task;

use crate::support::{Admitted, assert_waits, granted, hold, queued, usage};

/// A waker that does something when it is woken, and something when it is dropped.
struct Hooks<W: Fn(), D: Fn()> {
    wake: W,
    drop: D,
}

impl<W: Fn() + Send + Sync, D: Fn() + Send + Sync> Wake for Hooks<W, D> {
    fn wake(self: Arc<Self>) {
        (self.wake)();
    }
}

impl<W: Fn(), D: Fn()> Drop for Hooks<W, D> {
    fn drop(&mut self) {
        (self.drop)();
    }
}

fn on_wake(wake: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Hooks { wake, drop: || () }))
}

fn on_drop(drop: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Hooks { wake: || (), drop }))
}

fn panics() {
    // As a panic does, but without its message in the output.
    resume_unwind(Box::new("from the waker"));
}

fn poll(acquire: &mut Acquire<Shared>, waker: &Waker) -> Poll<Admitted> {
    Pin::new(acquire).poll(&mut Context::from_waker(waker))
}

/// Queues up with a waker that nobody else holds, so that it is dropped where the queue drops it.
fn queued_with(admission: &Admission, waker: Waker) -> Acquire<Shared> {
    let mut acquire = admission.acquire();
    assert!(poll(&mut acquire, &waker).is_pending());
    acquire
}

fn caught<T>(body: impl FnOnce() -> T) -> Result<T, ()> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|_| ())
}

#[test]
fn a_panicking_wake_does_not_lose_the_others() {
    let admission = Admission::new(0, 3);
    let mut first = queued(&admission);
    let panicking = queued_with(&admission, on_wake(panics));
    let mut last = queued(&admission);
    assert!(
        caught(|| admission.update(3, 3)).is_err(),
        "the panic is passed on"
    );
    let _permits = (granted(&mut first), granted(&mut last));
    assert_eq!(
        usage(&admission),
        (3, 0),
        "it was granted its slot all the same"
    );
    drop(panicking);
    assert_eq!(usage(&admission), (2, 0));
}

#[test]
fn two_panicking_wakes_are_one_panic() {
    let admission = Admission::new(0, 3);
    let first = queued_with(&admission, on_wake(panics));
    let second = queued_with(&admission, on_wake(panics));
    let mut last = queued(&admission);
    assert!(caught(|| admission.update(3, 3)).is_err());
    drop(granted(&mut last));
    drop((first, second));
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn after_a_panicking_wake_everything_goes_on() {
    let admission = Admission::new(1, 2);
    let held = hold(&admission);
    let panicking = queued_with(&admission, on_wake(panics));
    let mut next = queued(&admission);
    assert!(caught(|| drop(held)).is_err());
    assert_eq!(usage(&admission), (1, 1));
    drop(panicking);
    drop(granted(&mut next));
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn a_waker_that_panics_while_a_permit_unwinds_does_not_abort() {
    let admission = Admission::new(1, 1);
    let held = hold(&admission);
    let panicking = queued_with(&admission, on_wake(panics));
    let body = caught(move || {
        let _held = held;
        panics();
    });
    assert!(body.is_err());
    drop(panicking);
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn a_wake_may_call_back() {
    let admission = Admission::new(1, 4);
    let held = hold(&admission);
    let inner = admission.clone();
    let called = Arc::new(AtomicU32::new(0));
    let count = called.clone();
    let waiter = queued_with(
        &admission,
        on_wake(move || {
            count.fetch_add(1, Relaxed);
            assert_eq!(inner.stats().active, 1);
            assert!(inner.try_acquire().is_err());
            drop(queued(&inner));
            inner.update(1, 5);
        }),
    );
    drop(held);
    assert_eq!(called.load(Relaxed), 1);
    assert_eq!(admission.stats().max_pending_requests, Some(5));
    drop(waiter);
}

/// Runs `with` with a waiter whose waker calls back when it is dropped, which must be once.
fn drop_calls_back(with: impl FnOnce(&Admission, Acquire<Shared>)) {
    let admission = Admission::new(1, 4);
    let held = hold(&admission);
    let inner = admission.clone();
    let called = Arc::new(AtomicU32::new(0));
    let count = called.clone();
    let waiter = queued_with(
        &admission,
        on_drop(move || {
            count.fetch_add(1, Relaxed);
            inner.stats();
            drop(inner.try_acquire());
            inner.update(1, 5);
        }),
    );
    assert_eq!(called.load(Relaxed), 0, "the queue holds the last of it");
    with(&admission, waiter);
    assert_eq!(called.load(Relaxed), 1);
    drop(held);
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn a_waker_dropped_by_cancelling_may_call_back() {
    drop_calls_back(|_, waiter| drop(waiter));
}

#[test]
fn a_waker_dropped_by_a_timeout_may_call_back() {
    drop_calls_back(|_, mut waiter| assert!(waiter.time_out().is_none()));
}

#[test]
fn a_waker_dropped_for_a_newer_one_may_call_back() {
    drop_calls_back(|_, mut waiter| assert!(poll(&mut waiter, Waker::noop()).is_pending()));
}

#[test]
fn a_waker_dropped_by_a_grant_may_call_back() {
    drop_calls_back(|admission, waiter| {
        admission.update(2, 4);
        drop(waiter);
    });
}

#[test]
fn the_waker_of_an_idle_future_may_call_back() {
    let admission = Admission::new(1, 0);
    for told in [true, false] {
        let held = hold(&admission);
        let inner = admission.clone();
        let called = Arc::new(AtomicU32::new(0));
        let count = called.clone();
        let mut idle = admission.idle();
        let waker = on_drop(move || {
            count.fetch_add(1, Relaxed);
            inner.stats();
            inner.update(1, 0);
        });
        assert!(
            Pin::new(&mut idle)
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        drop(waker);
        if told {
            drop(held);
            drop(idle);
        } else {
            drop(idle);
            drop(held);
        }
        assert_eq!(called.load(Relaxed), 1);
    }
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_loses_nothing() {
    let admission = Admission::new(1, 2);
    let held = hold(&admission);
    let mut waiter = queued_with(&admission, on_drop(panics));
    let mut next = queued(&admission);
    assert!(caught(|| poll(&mut waiter, Waker::noop())).is_err());
    assert!(
        poll(&mut waiter, Waker::noop()).is_pending(),
        "it waits as before"
    );
    drop(held);
    assert_waits(&mut next);
    drop(waiter);
    drop(granted(&mut next));

    let held = hold(&admission);
    let waiter = queued_with(&admission, on_drop(panics));
    assert!(caught(|| drop(waiter)).is_err());
    assert_eq!(usage(&admission), (1, 0));
    drop(held);
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let admission = Admission::new(1, 1);
    let held = hold(&admission);
    let mut acquire = admission.acquire();
    let mut before = task::spawn(());
    let mut after = task::spawn(());
    before.enter(|cx, _| assert!(Pin::new(&mut acquire).poll(cx).is_pending()));
    after.enter(|cx, _| assert!(Pin::new(&mut acquire).poll(cx).is_pending()));
    drop(held);
    assert!(after.is_woken());
    assert!(!before.is_woken());
}
