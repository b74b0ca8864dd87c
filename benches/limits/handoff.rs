//! Hand a slot to a waiter: one queues behind the only slot, the slot comes back, it is granted.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use meshpool::admission::{Admission, Handle};
use tokio::sync::Semaphore;

pub(crate) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("handoff");

    let semaphore = Semaphore::new(1);
    group.bench_function("tokio_semaphore", |b| {
        let mut held = semaphore.try_acquire().ok();
        b.iter(|| {
            held = hand_off(semaphore.acquire(), || drop(held.take())).ok();
        });
    });
    let arc = Admission::untimed(1, 1);
    ours(&mut group, "meshpool_static", &arc.leak());
    ours(&mut group, "meshpool_arc", &arc);
    let timed = Admission::new(1, 1).leak();
    ours(&mut group, "meshpool_counted", &timed);
    group.finish();
}

fn ours<H: Handle>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, admission: &Admission<H>) {
    group.bench_function(name, |b| {
        let mut held = admission.try_acquire().ok();
        b.iter(|| {
            held = hand_off(admission.acquire(), || drop(held.take())).ok();
        });
    });
}

#[inline]
fn hand_off<F: Future>(waiter: F, release: impl FnOnce()) -> F::Output {
    let mut cx = Context::from_waker(Waker::noop());
    let mut waiter = pin!(waiter);
    assert!(waiter.as_mut().poll(&mut cx).is_pending());
    release();
    match waiter.poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the slot came back"),
    }
}
