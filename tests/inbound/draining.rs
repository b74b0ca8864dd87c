//! Exemptions, `close`, `idle` and saturation.

use axum::body::Body;
use http::{Request, StatusCode};
use meshpool::InboundPool;
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{Layer, Service, service_fn};

use crate::support::{CallReady, kevin, limits, pool, request_to};

#[tokio::test]
async fn an_exempt_request_is_served_without_a_permit_even_when_all_is_full_or_closed() {
    let pool = InboundPool::builder()
        .limits(limits(0, 0))
        .exempt(|request| request.uri().path() == "/healthz")
        .build();
    let mut service = pool.layer().layer(service_fn(kevin));
    for _ in 0..2 {
        let healthy = service.call(request_to("/healthz")).await.unwrap();
        assert_eq!(healthy.status(), StatusCode::OK);
        let stats = pool.stats();
        assert_eq!((stats.active, stats.admitted), (0, Some(0)));
        let refused = service.call(request_to("/user")).await.unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        pool.close();
    }
}

#[tokio::test]
async fn a_closed_pool_refuses_what_is_new_and_serves_what_is_there() {
    let pool = pool(1, 1);
    let mut service = pool.layer().layer(service_fn(kevin));
    let held = service.call_ready().await.unwrap();
    let mut waiting = task::spawn(service.call_ready());
    assert_pending!(waiting.poll());

    pool.close();
    assert!(pool.is_closed() && pool.is_saturated());
    let mut idle = task::spawn(pool.idle());
    assert_pending!(idle.poll());
    let refused = service.call_ready().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);

    drop(held);
    let served = assert_ready_ok!(waiting.poll());
    assert_eq!(served.status(), StatusCode::OK);
    assert_pending!(idle.poll());
    drop(served);
    assert!(idle.is_woken());
    assert_ready!(idle.poll());
    let refused = service.call_ready().await.unwrap();
    assert_eq!(
        refused.status(),
        StatusCode::SERVICE_UNAVAILABLE,
        "a free slot is of no use"
    );
}

#[tokio::test]
async fn a_request_that_was_called_and_not_polled_when_the_pool_closed_is_refused_if_it_must_wait()
{
    let pool = pool(1, 1);
    let mut service = pool.layer().layer(service_fn(kevin));
    let _held = service.call_ready().await.unwrap();
    let waiting = service.call_ready();
    pool.close();
    assert_eq!(
        waiting.await.unwrap().status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[test]
fn idle_is_at_once_when_nothing_is_there_and_sees_a_body_as_work() {
    let pool = pool(1, 0);
    assert_ready!(task::spawn(pool.idle()).poll());
    let mut future = task::spawn(pool.layer().layer(service_fn(kevin)).call_ready());
    let response = assert_ready_ok!(future.poll());
    let mut idle = task::spawn(pool.idle());
    assert_pending!(idle.poll());
    drop(response);
    assert!(idle.is_woken());
    assert_ready!(idle.poll());
}

#[test]
fn saturation_follows_the_slots() {
    let pool = pool(1, 5);
    assert!(!pool.is_saturated());
    let held = pool.layer().layer(service_fn(kevin)).call_ready();
    assert!(pool.is_saturated(), "the next one would wait");
    drop(held);
    assert!(!pool.is_saturated());
}

#[test]
fn an_exemption_sees_the_whole_head() {
    let pool = InboundPool::builder()
        .limits(limits(0, 0))
        .exempt(|request| {
            request.method() == "POST"
                && request.version() == http::Version::HTTP_2
                && request.headers().contains_key("x-probe")
                && request.extensions().get::<u8>() == Some(&7)
                && !request.is_grpc()
        })
        .build();
    let probe = Request::post("/")
        .version(http::Version::HTTP_2)
        .header("x-probe", "1")
        .extension(7_u8)
        .body(Body::empty())
        .unwrap();
    let mut future = task::spawn(pool.layer().layer(service_fn(kevin)).call(probe));
    assert_eq!(assert_ready_ok!(future.poll()).status(), StatusCode::OK);
}
