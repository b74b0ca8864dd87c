//! One request refused, with the typed error, and the error looked at. The service is cloned for each request, as
//! hyper-util does.
//!
//! `tower_resilience_bulkhead` is not here: it refuses by a timeout of zero, so that what would be
//! measured is the timer.

use std::hint::black_box;
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use meshpool::InboundPool;
use meshpool::http::Refused;
use meshpool::inbound::PoolHandle;
use meshpool::inbound::admit::Error;
use tokio::sync::Semaphore;
use tower::Layer;
use tower::load_shed::error::Overloaded;

use crate::subjects::{self, BARE, request};

pub(crate) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("refusal");

    let slots = Arc::new(Semaphore::new(0));
    let service = subjects::tower_load_shed(BARE, &slots);
    group.bench_function("tower_load_shed", |b| {
        b.iter(|| {
            let error = request(&mut service.clone(), black_box(1)).unwrap_err();
            error.is::<Overloaded>()
        });
    });
    ours(&mut group, "meshpool_static", subjects::meshpool_static(0));
    ours(&mut group, "meshpool_arc", subjects::meshpool_arc(0));
    group.finish();
}

fn ours<H: PoolHandle>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, pool: InboundPool<H>) {
    let service = pool.admit_layer().layer(BARE);
    group.bench_function(name, |b| {
        b.iter(|| match request(&mut service.clone(), black_box(1)) {
            Err(Error::Refused(Refused::Overflow(overflow))) => overflow.limit,
            _ => unreachable!("there is no slot"),
        });
    });
}
