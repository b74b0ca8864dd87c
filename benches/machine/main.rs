//! What a decision of a destination's pool costs, by how many connections and waiters there are:
//! the machine alone, no sockets around it.
//!
//! A benchmark is `GROUP/SIZE`. What is taken is taken from anywhere, as the callers of requests
//! come and go in no order; `floor` is a write to anywhere in a table of as many entries, as
//! large, so that what the processor's caches cost can be told from what the machine does.
//!
//! `benches/run machine` runs all this three times and prints how it grows.

mod subject;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

use crate::subject::{Anywhere, Subject};

const SIZES: [u32; 3] = [10, 1_000, 100_000];

fn config() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .sample_size(30)
        .nresamples(10_000)
        .without_plots()
}

/// So many connections, all idle: one request, attached and ended.
fn attach_release(c: &mut Criterion) {
    let mut group = c.benchmark_group("attach_release");
    for size in SIZES {
        group.bench_function(size.to_string(), |b| {
            let mut subject = Subject::idle(size);
            b.iter(|| {
                let request = subject.attach();
                subject.end(request);
            });
        });
    }
    group.finish();
}

/// So many connections, all busy: one of them, anywhere, is released and attached again.
fn release_attach(c: &mut Criterion) {
    let mut group = c.benchmark_group("release_attach");
    for size in SIZES {
        group.bench_function(size.to_string(), |b| {
            let mut subject = Subject::idle(size);
            let mut active: Vec<_> = (0..size).map(|_| subject.attach()).collect();
            let mut anywhere = Anywhere::among(size);
            b.iter(|| {
                let place = &mut active[anywhere.next()];
                subject.end(*place);
                *place = subject.attach();
            });
        });
    }
    group.finish();
}

/// So many waiters: one more, which leaves again.
fn enqueue_cancel(c: &mut Criterion) {
    let mut group = c.benchmark_group("enqueue_cancel");
    for size in SIZES {
        group.bench_function(size.to_string(), |b| {
            let mut subject = Subject::saturated();
            for _ in 0..size {
                subject.enqueue();
            }
            b.iter(|| {
                let request = subject.enqueue();
                subject.cancel(request);
            });
        });
    }
    group.finish();
}

/// So many waiters: one of them, anywhere, leaves, and another comes.
fn cancel_enqueue(c: &mut Criterion) {
    let mut group = c.benchmark_group("cancel_enqueue");
    for size in SIZES {
        group.bench_function(size.to_string(), |b| {
            let mut subject = Subject::saturated();
            let mut pending: Vec<_> = (0..size).map(|_| subject.enqueue()).collect();
            let mut anywhere = Anywhere::among(size);
            b.iter(|| {
                let place = &mut pending[anywhere.next()];
                subject.cancel(*place);
                *place = subject.enqueue();
            });
        });
    }
    group.finish();
}

/// So many waiters: the only connection goes to the first, and another comes.
fn hand_on(c: &mut Criterion) {
    let mut group = c.benchmark_group("hand_on");
    for size in SIZES {
        group.bench_function(size.to_string(), |b| {
            let mut subject = Subject::saturated();
            for _ in 0..size {
                subject.enqueue();
            }
            b.iter(|| {
                subject.hand_on();
                subject.enqueue();
            });
        });
    }
    group.finish();
}

/// So many connections, all idle: the one to close for the sake of others.
fn longest_idle(c: &mut Criterion) {
    let mut group = c.benchmark_group("longest_idle");
    for size in SIZES {
        group.bench_function(size.to_string(), |b| {
            let subject = Subject::idle(size);
            b.iter(|| subject.longest_idle());
        });
    }
    group.finish();
}

fn floor(c: &mut Criterion) {
    /// As large as what the machine and its caller keep of a connection and its request.
    type Entry = [u64; 16];

    let mut group = c.benchmark_group("floor");
    for size in SIZES {
        group.bench_function(size.to_string(), |b| {
            let mut table: Vec<Entry> = vec![[0; 16]; size as usize];
            let mut anywhere = Anywhere::among(size);
            b.iter(|| {
                let entry = &mut table[anywhere.next()];
                entry[0] += 1;
                entry[15] += 1;
                black_box(entry[15])
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = machine;
    config = config();
    targets =
        attach_release,
        release_attach,
        enqueue_cancel,
        cancel_enqueue,
        hand_on,
        longest_idle,
        floor,
}
criterion_main!(machine);
