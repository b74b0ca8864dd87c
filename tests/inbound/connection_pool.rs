//! `ConnectionPoolLayer`, polled by hand.

use http::StatusCode;
use http_body_util::BodyExt;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{kevin, pool, request};

#[tokio::test]
async fn a_request_is_active_until_its_body_has_ended() {
    let pool = pool(1, 0);
    let mut service = pool.layer().layer(service_fn(kevin));
    let response = service
        .ready()
        .await
        .unwrap()
        .call(request())
        .await
        .unwrap();
    assert_eq!(pool.stats().active, 1);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "Kevin");
    assert_eq!(pool.stats().active, 0);
}

#[tokio::test]
async fn one_runs_one_waits_and_the_next_is_refused() {
    let pool = pool(1, 1);
    let mut service = pool.layer().layer(service_fn(kevin));
    let first = service
        .ready()
        .await
        .unwrap()
        .call(request())
        .await
        .unwrap();

    let mut second = task::spawn(service.ready().await.unwrap().call(request()));
    assert_pending!(second.poll());
    let third = service
        .ready()
        .await
        .unwrap()
        .call(request())
        .await
        .unwrap();
    assert_eq!(third.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(third.headers()["x-envoy-overloaded"], "true");

    drop(first);
    assert!(second.is_woken());
    let second = assert_ready!(second.poll()).unwrap();
    assert_eq!(second.status(), StatusCode::OK);
    drop(second);
    assert_eq!(pool.stats().active, 0);
}
