//! Two threads that take a slot each, do some work while they hold it, and give it back.
//!
//! Slots are plenty: what they contend for is the cache line. Each thread keeps its own clock; what
//! is reported is the mean of the two, work and all. Each thread has a clone of the service of its
//! own and keeps it.

use std::future::{Ready, ready};
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use tower::{Layer, Service};

use crate::subjects::{self, PLENTY, Working, request};

const THREADS: u32 = 2;
/// What everything is measured around.
const WORKING: Working<64> = Working;

pub(crate) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("contended");
    measure(&mut group, "bare", WORKING);
    measure(&mut group, "raw_atomic_pair", RawAtomicPair(WORKING));
    measure(
        &mut group,
        "tower_concurrency_limit",
        subjects::tower_concurrency_limit(WORKING, PLENTY),
    );
    measure(
        &mut group,
        "tower_resilience_bulkhead",
        subjects::tower_resilience_bulkhead(WORKING, PLENTY),
    );
    let layer = subjects::meshpool_static(PLENTY).admit_layer();
    measure(&mut group, "meshpool_static", layer.layer(WORKING));
    let layer = subjects::meshpool_arc(PLENTY).admit_layer();
    measure(&mut group, "meshpool_arc", layer.layer(WORKING));
    let layer = subjects::meshpool_counted(PLENTY).admit_layer();
    measure(&mut group, "meshpool_counted", layer.layer(WORKING));
    group.finish();
}

fn measure<S>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, service: S)
where
    S: Service<u64> + Clone + Send + Sync,
    S::Error: std::fmt::Debug,
{
    group.bench_function(name, |b| b.iter_custom(|count| run(&service, count)));
}

fn run<S>(service: &S, count: u64) -> Duration
where
    S: Service<u64> + Clone + Send + Sync,
    S::Error: std::fmt::Debug,
{
    let start = Barrier::new(THREADS as usize);
    let thread = || {
        let mut service = service.clone();
        start.wait();
        let began = Instant::now();
        for _ in 0..count {
            black_box(request(&mut service, black_box(1)).unwrap());
        }
        began.elapsed()
    };
    let total: Duration = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(thread)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    total / THREADS
}

/// The floor: what a limiter does at the very least, around the same service.
#[derive(Clone)]
struct RawAtomicPair<S>(S);

static RAW: AtomicU64 = AtomicU64::new(0);

impl<S: Service<u64>> Service<u64> for RawAtomicPair<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Ready<Result<S::Response, S::Error>>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, number: u64) -> Self::Future {
        RAW.fetch_add(1, Ordering::Acquire);
        let response = request(&mut self.0, number);
        RAW.fetch_sub(1, Ordering::AcqRel);
        ready(response)
    }
}
