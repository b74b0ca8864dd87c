//! What a limit costs: the floor, the others, and ours, in one binary.
//!
//! Each group compares like with like, under these names:
//!
//! | name | what |
//! |---|---|
//! | `raw_atomic_pair` | the floor: one `fetch_add` and one `fetch_sub` on one line |
//! | `tokio_semaphore` | `tokio::sync::Semaphore` |
//! | `bare` | the service with no limit around it |
//! | `tower_concurrency_limit` | Tower's `ConcurrencyLimit`, which waits in `poll_ready` |
//! | `tower_load_shed` | Tower's `LoadShed` around `GlobalConcurrencyLimit`, which refuses |
//! | `tower_resilience_bulkhead` | `tower-resilience-bulkhead` |
//! | `meshpool_static` | ours, leaked: reached by `&'static` |
//! | `meshpool_arc` | ours, reached by `Arc` |
//! | `meshpool_counted` | as `meshpool_static`, with the running total of admitted requests on |
//!
//! `benches/run` runs all this three times and prints the ratios; `benches/README.md` has the
//! figures.

mod contended;
mod handoff;
mod http_body;
mod layer;
mod refusal;
mod saturated;
mod subjects;
mod uncontended;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

/// Short, since what is compared is the median of the ratios of several runs.
fn config() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .sample_size(50)
        .nresamples(10_000)
        .without_plots()
}

criterion_group! {
    name = limits;
    config = config();
    targets =
        uncontended::bench,
        contended::bench,
        saturated::bench,
        handoff::bench,
        refusal::bench,
        layer::bench,
        layer::bench_cloned,
        http_body::bench,
}
criterion_main!(limits);
