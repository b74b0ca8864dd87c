//! 256 tasks for 1, 8 or 64 slots, on two threads: what comes through.
//!
//! Each task waits for a slot, lets others run while it holds it, and gives it back, over and over.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use meshpool::admission::{Admission, Handle};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};

const TASKS: u64 = 256;

pub(crate) fn bench(c: &mut Criterion) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let mut group = c.benchmark_group("saturated");
    group.throughput(Throughput::Elements(1));
    for slots in [1, 8, 64] {
        let semaphore = Arc::new(Semaphore::new(slots as usize));
        measure(&mut group, &runtime, "tokio_semaphore", slots, |count| {
            let semaphore = semaphore.clone();
            async move {
                for _ in 0..count {
                    let _permit = semaphore.acquire().await.unwrap();
                    yield_now().await;
                }
            }
        });
        let arc = Admission::untimed(slots, None);
        ours(&mut group, &runtime, "meshpool_static", slots, &arc.leak());
        ours(&mut group, &runtime, "meshpool_arc", slots, &arc);
    }
    group.finish();
}

fn ours<H: Handle>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    runtime: &Runtime,
    name: &str,
    slots: u32,
    admission: &Admission<H>,
) {
    measure(group, runtime, name, slots, |count| {
        let admission = admission.clone();
        async move {
            for _ in 0..count {
                let _permit = admission.acquire().await.unwrap();
                yield_now().await;
            }
        }
    });
}

/// Reports the time a turn takes, over all tasks. `task` takes that many turns.
fn measure<F>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    runtime: &Runtime,
    name: &str,
    slots: u32,
    task: impl Fn(u64) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    group.bench_function(BenchmarkId::new(name, slots), |b| {
        b.iter_custom(|count| {
            let turns = count.div_ceil(TASKS);
            runtime.block_on(async {
                let began = Instant::now();
                let mut tasks: JoinSet<()> = (0..TASKS).map(|_| task(turns)).collect();
                while let Some(done) = tasks.join_next().await {
                    done.unwrap();
                }
                began
                    .elapsed()
                    .mul_f64(count as f64 / (turns * TASKS) as f64)
            })
        });
    });
}
