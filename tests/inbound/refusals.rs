//! What a refused request is answered.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use meshpool::admission::{Overflow, Resource};
use meshpool::http::{PendingTimeout, Refused};
use meshpool::inbound::Builder;
use meshpool::{InboundPool, Limits};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

use crate::support::{kevin, limits, request};

/// Sends a request to a service all of whose requests are refused.
async fn refused_by(builder: Builder, request: Request<Body>) -> Response<Bytes> {
    let pool = builder.build();
    let mut service = pool.layer().layer(service_fn(kevin));
    let response = service.call(request).await.unwrap();
    assert_eq!(pool.stats().active, 0);
    let (head, body) = response.into_parts();
    // What is announced is what comes.
    let exact = body.size_hint().exact().unwrap();
    let body = body.collect().await.unwrap().to_bytes();
    assert_eq!(exact, body.len() as u64);
    Response::from_parts(head, body)
}

fn nothing() -> Builder {
    InboundPool::builder().limits(limits(0, 0))
}

fn grpc() -> Request<Body> {
    let request = Request::post("/pkg.Users/Get").header("content-type", "application/grpc+proto");
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_refusal_is_envoys_and_names_the_limit() {
    let response = refused_by(nothing(), request()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "text/plain");
    assert_eq!(headers["x-envoy-overloaded"], "true");
    assert_eq!(headers["x-envoy-ratelimited"], "true");
    assert!(!headers.contains_key("retry-after"));
    assert_eq!(
        response.body(),
        "overflow: max_requests limit of 0 reached\n"
    );
    assert_eq!(headers["content-length"], response.body().len().to_string());
}

#[tokio::test]
async fn the_limit_that_bound_is_named() {
    let pool = InboundPool::new(limits(1, 1));
    let mut service = pool.layer().layer(service_fn(kevin));
    let _held = service.call(request()).await.unwrap();
    let mut waiting = tokio_test::task::spawn(service.call(request()));
    assert!(waiting.poll().is_pending());
    let refused = service.call(request()).await.unwrap();
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "overflow: max_pending_requests limit of 1 reached\n");

    pool.close();
    let refused = service.call(request()).await.unwrap();
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "overflow: pool is closed\n");
    let overflowed = pool.stats().overflowed;
    assert_eq!(
        (
            overflowed.max_requests,
            overflowed.max_pending_requests,
            overflowed.closed
        ),
        (0, 1, 1)
    );
}

#[tokio::test]
async fn a_changed_limit_is_named_by_its_new_value() {
    let pool = InboundPool::new(Limits::new().max_requests(5).max_pending_requests(0));
    pool.update(limits(0, 0).max_requests(0));
    let response = pool
        .layer()
        .layer(service_fn(kevin))
        .oneshot(request())
        .await
        .unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "overflow: max_requests limit of 0 reached\n");
}

#[tokio::test]
async fn retry_after_is_rounded_up_to_whole_seconds() {
    for (after, expected) in [(1_000, "1"), (1_001, "2"), (100, "1")] {
        let builder = nothing().retry_after(Duration::from_millis(after));
        let response = refused_by(builder, request()).await;
        assert_eq!(response.headers()["retry-after"], expected);
    }
    let builder = nothing().retry_after(Duration::from_secs(7));
    assert_eq!(
        refused_by(builder, grpc()).await.headers()["retry-after"],
        "7"
    );
}

#[tokio::test]
async fn head_gets_the_same_headers_and_no_body() {
    let full = refused_by(nothing(), request()).await;
    let mut head = request();
    *head.method_mut() = Method::HEAD;
    let head = refused_by(nothing(), head).await;
    assert_eq!(head.status(), full.status());
    assert_eq!(head.headers(), full.headers());
    assert!(head.body().is_empty());
}

#[tokio::test]
async fn grpc_is_refused_in_its_own_way() {
    let response = refused_by(nothing(), grpc()).await;
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/grpc");
    assert_eq!(headers["grpc-status"], "14");
    assert_eq!(
        headers["grpc-message"],
        "overflow: max_requests limit of 0 reached"
    );
    assert_eq!(headers["x-envoy-overloaded"], "true");
    assert_eq!(headers["x-envoy-ratelimited"], "true");
    assert!(!headers.contains_key("content-length"));
    assert!(response.body().is_empty());
}

#[tokio::test]
async fn a_hook_answers_what_it_likes_and_is_told_why() {
    let builder = nothing().on_refused(|refused, _| {
        let Refused::Overflow(overflow) = refused else {
            panic!("{refused}");
        };
        assert_eq!(
            (overflow.resource, overflow.limit),
            (Resource::MaxRequests, 0)
        );
        Response::builder()
            .status(StatusCode::TOO_MANY_REQUESTS)
            .header("x-mine", "yes")
            .body(refused.to_string().into())
            .unwrap()
    });
    let response = refused_by(builder, request()).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()["x-mine"], "yes");
    assert_eq!(
        response.body(),
        "max_requests limit of 0 reached (0 active, 0 pending)"
    );
}

#[tokio::test]
async fn axum_takes_the_layer_as_it_is_and_keeps_the_content_length() {
    let pool = InboundPool::new(limits(1, 0));
    let app: Router = Router::new()
        .route("/", get(|| async { "Kevin" }))
        .layer(pool.layer());
    let held = app.clone().oneshot(request()).await.unwrap();
    assert_eq!(held.headers()["content-length"], "5");
    let refused = app.oneshot(request()).await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["content-length"], "42");
}

#[tokio::test(start_paused = true)]
async fn the_generic_layers_typed_error_comes_out_of_a_box() {
    let pool = InboundPool::builder()
        .limits(limits(1, 1))
        .pending_timeout(Duration::from_secs(1))
        .build();
    let never = service_fn(|_: ()| std::future::pending::<Result<(), BoxError>>());
    let service = tower::ServiceBuilder::new()
        .layer(tower::buffer::BufferLayer::new(8)) // which wants a `BoxError`
        .layer(pool.admit_layer())
        .service(never);

    let first = tokio::spawn(service.clone().oneshot(()));
    let second = tokio::spawn(service.clone().oneshot(()));
    while pool.stats().pending == 0 {
        tokio::task::yield_now().await;
    }
    let error = service.oneshot(()).await.unwrap_err();
    let overflow = error.downcast_ref::<Overflow>().unwrap();
    assert_eq!(overflow.resource, Resource::MaxPendingRequests);
    assert_eq!(
        (overflow.limit, overflow.active, overflow.pending),
        (1, 1, 1)
    );

    let error = second.await.unwrap().unwrap_err();
    let timeout = error.downcast_ref::<PendingTimeout>().unwrap();
    assert_eq!(
        (timeout.after, timeout.by_caller),
        (Duration::from_secs(1), false)
    );
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!((pool.stats().active, pool.stats().pending), (0, 0));
}
