//! Take a slot and give it back, on one thread: the limiters themselves, no service around.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use criterion::Criterion;
use meshpool::admission::Admission;
use tokio::sync::Semaphore;

use crate::subjects::PLENTY;

pub(crate) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("uncontended");

    static RAW: AtomicU64 = AtomicU64::new(0);
    group.bench_function("raw_atomic_pair", |b| {
        b.iter(|| {
            black_box(RAW.fetch_add(1, Ordering::Acquire));
            RAW.fetch_sub(1, Ordering::AcqRel)
        });
    });

    let semaphore = Semaphore::new(PLENTY as usize);
    group.bench_function("tokio_semaphore", |b| {
        b.iter(|| drop(semaphore.try_acquire().unwrap()));
    });

    let arc = Admission::new(PLENTY, 0);
    let leaked = arc.leak();
    group.bench_function("meshpool_static", |b| {
        b.iter(|| drop(leaked.try_acquire().unwrap()));
    });
    group.bench_function("meshpool_arc", |b| {
        b.iter(|| drop(arc.try_acquire().unwrap()));
    });
    group.finish();
}
