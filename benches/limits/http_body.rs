//! One HTTP request through an axum router, and its response body read to the end.
//!
//! The service is cloned for each request, as hyper-util does. Ours hold their slot until the body
//! has ended; the others let go of it when the head is there.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use http::{Request, Response, Uri};
use tokio::sync::Semaphore;
use tower::{Layer, Service};

use crate::subjects::{self, PLENTY, request};

pub(crate) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("http_body");
    let router = Router::new()
        .route("/user", get(|| async { "Kevin" }))
        .with_state(());

    measure(&mut group, "bare", router.clone());
    measure(
        &mut group,
        "tower_concurrency_limit",
        subjects::tower_concurrency_limit(router.clone(), PLENTY),
    );
    let slots = Arc::new(Semaphore::new(PLENTY as usize));
    measure(
        &mut group,
        "tower_load_shed",
        subjects::tower_load_shed(router.clone(), &slots),
    );
    measure(
        &mut group,
        "tower_resilience_bulkhead",
        subjects::tower_resilience_bulkhead(router.clone(), PLENTY),
    );
    let layer = subjects::meshpool_static(PLENTY).layer();
    measure(&mut group, "meshpool_static", layer.layer(router.clone()));
    let layer = subjects::meshpool_arc(PLENTY).layer();
    measure(&mut group, "meshpool_arc", layer.layer(router.clone()));
    let layer = subjects::meshpool_counted(PLENTY).layer();
    measure(&mut group, "meshpool_counted", layer.layer(router));
    group.finish();
}

fn measure<S, B>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, service: S)
where
    S: Service<Request<Body>, Response = Response<B>> + Clone,
    S::Error: std::fmt::Debug,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let uri = Uri::from_static("/user");
    group.bench_function(name, |b| {
        b.iter(|| {
            let mut get = Request::new(Body::empty());
            *get.uri_mut() = uri.clone();
            let response = request(&mut service.clone(), get).unwrap();
            subjects::read(response.into_body())
        });
    });
}
