//! How long a request may wait. The time is paused.

use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use meshpool::InboundPool;
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{Layer, Service, service_fn};

use crate::support::{CallReady, Strict, kevin, limits, pool, request};

const SECOND: Duration = Duration::from_secs(1);

fn patient(timeout: Duration) -> InboundPool {
    InboundPool::builder()
        .limits(limits(1, 2))
        .pending_timeout(timeout)
        .build()
}

fn grpc(timeout: &str) -> Request<Body> {
    let request = Request::post("/pkg.Users/Get")
        .header("content-type", "application/grpc")
        .header("grpc-timeout", timeout);
    request.body(Body::empty()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_too_long_is_refused() {
    let pool = patient(SECOND);
    let mut service = pool.layer().layer(service_fn(kevin));
    let _held = service.call_ready().await.unwrap();
    let start = Instant::now();
    let refused = service.call_ready().await.unwrap();
    assert!(start.elapsed() >= SECOND);
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["x-envoy-overloaded"], "true");
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "overflow: no slot within the pending timeout\n");
    let stats = pool.stats();
    assert_eq!((stats.active, stats.pending, stats.timed_out), (1, 0, 1));
    assert_eq!(stats.overflowed.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_timeout_a_request_waits_for_ever() {
    let pool = pool(1, 1);
    let mut service = pool.layer().layer(service_fn(kevin));
    let _held = service.call_ready().await.unwrap();
    let mut waiting = task::spawn(service.call_ready());
    assert_pending!(waiting.poll());
    advance(Duration::from_secs(1_000_000)).await;
    assert_pending!(waiting.poll());
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_comes_before_the_timer_is_used_however_late_it_is_noticed() {
    let pool = patient(SECOND);
    let mut service = pool.layer().layer(service_fn(kevin));
    let held = service.call_ready().await.unwrap();
    let mut waiting = task::spawn(service.call_ready());
    assert_pending!(waiting.poll());
    drop(held);
    advance(SECOND * 10).await;
    let response = assert_ready_ok!(waiting.poll());
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(pool.stats().timed_out, 0);
}

#[tokio::test(start_paused = true)]
async fn the_timer_stops_with_the_slot_and_not_with_the_service() {
    let pool = patient(SECOND);
    let strict = Strict::new(service_fn(kevin));
    let gate = strict.gate();
    let mut service = pool.layer().layer(strict);
    let held = service.call_ready().await.unwrap();
    let mut waiting = task::spawn(service.call_ready());
    assert_pending!(waiting.poll());
    gate.set_open(false);
    drop(held);
    assert_pending!(waiting.poll());
    advance(SECOND * 10).await;
    assert_pending!(waiting.poll());
    gate.set_open(true);
    assert_eq!(assert_ready_ok!(waiting.poll()).status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_grpc_caller_waits_no_longer_than_its_deadline() {
    for pool in [pool(1, 1), patient(SECOND * 60)] {
        let mut service = pool.layer().layer(service_fn(kevin));
        let _held = service.call_ready().await.unwrap();
        let start = Instant::now();
        service.poll_ready_now();
        let refused = service.call(grpc("50m")).await.unwrap();
        let waited = start.elapsed();
        assert!(waited >= SECOND / 20 && waited < SECOND, "{waited:?}");
        assert_eq!(refused.status(), StatusCode::OK);
        assert_eq!(refused.headers()["grpc-status"], "4");
        assert_eq!(
            refused.headers()["grpc-message"],
            "overflow: no slot before the deadline"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_grpc_deadline_does_not_lengthen_the_pools() {
    let pool = patient(SECOND);
    let mut service = pool.layer().layer(service_fn(kevin));
    let _held = service.call_ready().await.unwrap();
    let start = Instant::now();
    service.poll_ready_now();
    let refused = service.call(grpc("1H")).await.unwrap();
    assert!(start.elapsed() < SECOND * 2);
    assert_eq!(refused.headers()["grpc-status"], "14");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_means_nothing_outside_of_grpc() {
    let pool = pool(1, 1);
    let mut service = pool.layer().layer(service_fn(kevin));
    let _held = service.call_ready().await.unwrap();
    let mut plain = request();
    plain
        .headers_mut()
        .insert("grpc-timeout", "1m".parse().unwrap());
    service.poll_ready_now();
    let mut waiting = task::spawn(service.call(plain));
    assert_pending!(waiting.poll());
    advance(SECOND).await;
    assert_pending!(waiting.poll());
}
