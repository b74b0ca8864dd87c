//! One request through the generic layer: ready, call, response.
//!
//! In `layer` one service takes request after request; in `layer_cloned` it is cloned for each, as
//! hyper-util does around a Tower service.

use std::hint::black_box;
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use tokio::sync::Semaphore;
use tower::Service;

use crate::subjects::{self, BARE, PLENTY, request};

pub(crate) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("layer");
    all(&mut group, Kept);
    group.finish();
}

pub(crate) fn bench_cloned(c: &mut Criterion) {
    let mut group = c.benchmark_group("layer_cloned");
    all(&mut group, Cloned);
    group.finish();
}

/// How the service is used.
trait Usage: Copy {
    fn measure<S>(self, group: &mut BenchmarkGroup<'_, WallTime>, name: &str, service: S)
    where
        S: Service<u64> + Clone,
        S::Error: std::fmt::Debug;
}

#[derive(Clone, Copy)]
struct Kept;

#[derive(Clone, Copy)]
struct Cloned;

impl Usage for Kept {
    fn measure<S>(self, group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut service: S)
    where
        S: Service<u64> + Clone,
        S::Error: std::fmt::Debug,
    {
        group.bench_function(name, |b| {
            b.iter(|| request(&mut service, black_box(1)).unwrap());
        });
    }
}

impl Usage for Cloned {
    fn measure<S>(self, group: &mut BenchmarkGroup<'_, WallTime>, name: &str, service: S)
    where
        S: Service<u64> + Clone,
        S::Error: std::fmt::Debug,
    {
        group.bench_function(name, |b| {
            b.iter(|| request(&mut service.clone(), black_box(1)).unwrap());
        });
    }
}

fn all(group: &mut BenchmarkGroup<'_, WallTime>, usage: impl Usage) {
    usage.measure(group, "bare", BARE);
    usage.measure(
        group,
        "tower_concurrency_limit",
        subjects::tower_concurrency_limit(BARE, PLENTY),
    );
    let slots = Arc::new(Semaphore::new(PLENTY as usize));
    usage.measure(
        group,
        "tower_load_shed",
        subjects::tower_load_shed(BARE, &slots),
    );
    usage.measure(
        group,
        "tower_resilience_bulkhead",
        subjects::tower_resilience_bulkhead(BARE, PLENTY),
    );
    let service = subjects::meshpool_static(PLENTY).admit_layer();
    usage.measure(
        group,
        "meshpool_static",
        tower::Layer::layer(&service, BARE),
    );
    let service = subjects::meshpool_arc(PLENTY).admit_layer();
    usage.measure(group, "meshpool_arc", tower::Layer::layer(&service, BARE));
    let service = subjects::meshpool_counted(PLENTY).admit_layer();
    usage.measure(
        group,
        "meshpool_counted",
        tower::Layer::layer(&service, BARE),
    );
}
