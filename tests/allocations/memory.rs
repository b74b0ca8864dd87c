//! Bytes per pool and per waiter.

use std::pin::Pin;
use std::task::{Context, Waker};

use allocation_counter::measure;
use meshpool::admission::{Acquire, Admission, Shared};
use meshpool::{InboundPool, Limits};

fn bytes(make: impl FnOnce()) -> i64 {
    measure(make).bytes_current
}

fn wait(admission: &Admission, waiters: &mut Vec<Acquire<Shared>>, count: usize) {
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..count {
        waiters.push(admission.acquire());
        let waiter = Pin::new(waiters.last_mut().unwrap());
        assert!(waiter.poll(&mut cx).is_pending());
    }
}

#[test]
fn an_admission_is_192_bytes_and_160_of_counters() {
    let mut admission = None;
    let bytes = bytes(|| admission = Some(Admission::new(1, 1)));
    assert!(bytes <= 192 + 160, "{bytes}");
}

#[test]
fn a_pool_that_has_refused_nothing_is_1720_bytes() {
    let mut pool = None;
    let limits = Limits::new().max_requests(1).max_pending_requests(1);
    let bytes = bytes(|| pool = Some(InboundPool::new(limits)));
    assert!(bytes <= 1720, "{bytes}");
}

#[test]
fn a_waiter_is_24_bytes() {
    const WAITERS: usize = 1 << 14;

    let admission = Admission::new(0, None);
    let mut waiters = Vec::with_capacity(WAITERS);
    let bytes = bytes(|| wait(&admission, &mut waiters, WAITERS));
    assert_eq!(bytes, 24 * WAITERS as i64);
}

#[test]
fn a_large_queue_that_is_empty_again_gives_its_memory_back() {
    const WAITERS: usize = 10_000;

    let admission = Admission::new(0, None);
    let mut waiters = Vec::with_capacity(WAITERS);
    let bytes = bytes(|| {
        wait(&admission, &mut waiters, WAITERS);
        waiters.clear();
    });
    assert_eq!(bytes, 0);
}
