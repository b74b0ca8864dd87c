//! `MaxPendingRequestsLayer`: bounds how many wait for what is inside.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use meshpool::admission::Resource;
use meshpool::http::Refused;
use meshpool::inbound::MaxPendingRequestsLayer;
use meshpool::{InboundPool, Limits};
use tokio::time::advance;
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{Layer, Service, service_fn};

use crate::support::{CallReady, Strict, kevin, request, request_to};

#[tokio::test]
async fn what_is_ready_needs_no_place() {
    let layer = MaxPendingRequestsLayer::new(0);
    let mut service = layer.layer(Strict::new(service_fn(kevin)));
    let first = service.call_ready().await.unwrap();
    let second = service.call_ready().await.unwrap();
    assert_eq!(
        (first.status(), second.status()),
        (StatusCode::OK, StatusCode::OK)
    );
    let stats = layer.pool().stats();
    assert_eq!(
        (stats.pending, stats.queued, stats.admitted),
        (0, 0, Some(2))
    );
}

#[tokio::test]
async fn m_wait_and_the_next_is_refused_as_envoy_refuses() {
    let layer = MaxPendingRequestsLayer::new(2);
    let strict = Strict::new(service_fn(kevin));
    let gate = strict.gate();
    let mut service = layer.layer(strict);
    gate.set_open(false);
    let mut waiting: Vec<_> = (0..2).map(|_| task::spawn(service.call_ready())).collect();
    assert_eq!(layer.pool().stats().pending, 0, "nobody was polled");
    for waiting in &mut waiting {
        assert_pending!(waiting.poll());
    }
    assert_eq!(layer.pool().stats().pending, 2);
    assert!(layer.pool().is_saturated());

    let refused = service.call_ready().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["x-envoy-overloaded"], "true");
    assert_eq!(refused.headers()["x-envoy-ratelimited"], "true");
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "overflow: max_pending_requests limit of 2 reached\n");

    gate.set_open(true);
    for waiting in &mut waiting {
        assert_eq!(assert_ready_ok!(waiting.poll()).status(), StatusCode::OK);
    }
    let stats = layer.pool().stats();
    assert_eq!((stats.pending, stats.peak_pending, stats.queued), (0, 2, 2));
    assert_eq!(
        (
            stats.overflowed.max_pending_requests,
            stats.overflowed.max_requests
        ),
        (1, 0)
    );
    assert_eq!(
        (stats.waits.count(), stats.cancelled, stats.timed_out),
        (2, 0, 0)
    );
    assert_eq!(
        (stats.active, stats.max_requests, stats.admitted),
        (0, None, Some(2))
    );
    assert!(!layer.pool().is_saturated());
}

#[tokio::test]
async fn with_no_places_the_limit_that_bound_is_still_the_one_on_pending_requests() {
    let builder = InboundPool::builder()
        .limits(Limits::new().max_pending_requests(0).max_requests(100))
        .on_refused(|refused, _| {
            let Refused::Overflow(overflow) = refused else {
                panic!("{refused}");
            };
            assert_eq!(
                (overflow.resource, overflow.limit),
                (Resource::MaxPendingRequests, 0)
            );
            Response::new("mine".into())
        });
    let layer = MaxPendingRequestsLayer::from_builder(builder);
    let strict = Strict::new(service_fn(kevin));
    strict.gate().set_open(false);
    let refused = layer.layer(strict).call_ready().await.unwrap();
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "mine");
    assert_eq!(layer.pool().stats().overflowed.max_pending_requests, 1);
}

#[test]
fn a_dropped_future_gives_its_place_back_to_the_next() {
    let layer = MaxPendingRequestsLayer::new(1);
    let strict = Strict::new(service_fn(kevin));
    strict.gate().set_open(false);
    let mut service = layer.layer(strict);
    drop(service.call_ready());
    let mut first = task::spawn(service.call_ready());
    assert_pending!(first.poll());
    drop(first);
    assert_eq!(
        (layer.pool().stats().pending, layer.pool().stats().cancelled),
        (0, 1)
    );
    let mut second = task::spawn(service.call_ready());
    assert_pending!(second.poll());
}

#[test]
fn the_place_is_given_back_when_the_service_is_ready_and_not_when_it_answers() {
    let layer = MaxPendingRequestsLayer::new(1);
    let strict = Strict::new(service_fn(|_: Request<Body>| {
        pending::<Result<Response<Body>, Infallible>>()
    }));
    let gate = strict.gate();
    let mut service = layer.layer(strict);
    gate.set_open(false);
    let mut running = task::spawn(service.call_ready());
    assert_pending!(running.poll());
    assert_eq!((layer.pool().stats().pending, gate.calls()), (1, 0));
    gate.set_open(true);
    assert!(running.is_woken());
    assert_pending!(running.poll());
    assert_eq!((layer.pool().stats().pending, gate.calls()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn the_pending_timeout_and_a_grpc_deadline_end_the_wait() {
    let builder = InboundPool::builder()
        .limits(Limits::new().max_pending_requests(2))
        .pending_timeout(Duration::from_secs(1));
    let layer = MaxPendingRequestsLayer::from_builder(builder);
    let strict = Strict::new(service_fn(kevin));
    strict.gate().set_open(false);
    let mut service = layer.layer(strict);
    let refused = service.call_ready().await.unwrap();
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "overflow: no slot within the pending timeout\n");

    let grpc = Request::post("/")
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "10m");
    let refused = service
        .call(grpc.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(refused.headers()["grpc-status"], "4");
    assert_eq!(
        (layer.pool().stats().pending, layer.pool().stats().timed_out),
        (0, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_became_ready_beats_the_timer() {
    let builder = InboundPool::builder().pending_timeout(Duration::from_secs(1));
    let layer = MaxPendingRequestsLayer::from_builder(builder);
    let strict = Strict::new(service_fn(kevin));
    let gate = strict.gate();
    gate.set_open(false);
    let mut waiting = task::spawn(layer.layer(strict).call_ready());
    assert_pending!(waiting.poll());
    gate.set_open(true);
    advance(Duration::from_secs(10)).await;
    assert_eq!(assert_ready_ok!(waiting.poll()).status(), StatusCode::OK);
    assert_eq!(layer.pool().stats().timed_out, 0);
}

#[tokio::test]
async fn the_limit_changes_live_and_evicts_nobody() {
    let layer = MaxPendingRequestsLayer::new(1);
    let strict = Strict::new(service_fn(kevin));
    let gate = strict.gate();
    gate.set_open(false);
    let mut service = layer.layer(strict);
    let mut first = task::spawn(service.call_ready());
    assert_pending!(first.poll());
    layer.pool().update(Limits::new().max_pending_requests(2));
    let mut second = task::spawn(service.call_ready());
    assert_pending!(second.poll());
    layer.pool().update(Limits::new().max_pending_requests(0));
    assert_eq!(layer.pool().stats().pending, 2);
    let refused = service.call_ready().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    // Without any limit all wait; that there are no slots is not for limits to change.
    layer.pool().update(Limits::new());
    let mut third = task::spawn(service.call_ready());
    assert_pending!(third.poll());
    assert_eq!(
        (layer.pool().stats().pending, layer.pool().stats().active),
        (3, 0)
    );
    gate.set_open(true);
    for mut waiting in [first, second, third] {
        assert_ready_ok!(waiting.poll());
    }
}

#[tokio::test]
async fn a_closed_pool_refuses_even_what_need_not_wait_and_drains() {
    let layer = MaxPendingRequestsLayer::new(5);
    let strict = Strict::new(service_fn(kevin));
    let gate = strict.gate();
    gate.set_open(false);
    let mut service = layer.layer(strict);
    let mut waiting = task::spawn(service.call_ready());
    assert_pending!(waiting.poll());
    layer.pool().close();
    let mut idle = task::spawn(layer.pool().idle());
    assert_pending!(idle.poll());
    gate.set_open(true);
    let refused = service.call_ready().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(assert_ready_ok!(waiting.poll()).status(), StatusCode::OK);
    assert!(idle.is_woken());
    assert_ready!(idle.poll());
}

#[test]
fn an_exempt_request_waits_without_a_place_and_is_never_refused() {
    let builder = InboundPool::builder()
        .limits(Limits::new().max_pending_requests(0))
        .exempt(|request| request.uri().path() == "/healthz");
    let layer = MaxPendingRequestsLayer::from_builder(builder);
    let strict = Strict::new(service_fn(kevin));
    let gate = strict.gate();
    gate.set_open(false);
    let mut service = layer.layer(strict);
    let mut waiting = task::spawn(service.call(request_to("/healthz")));
    assert_pending!(waiting.poll());
    assert_eq!(layer.pool().stats().pending, 0);
    gate.set_open(true);
    assert_eq!(assert_ready_ok!(waiting.poll()).status(), StatusCode::OK);
}

#[tokio::test]
async fn observing_refuses_nobody_and_counts_what_it_would() {
    let builder = InboundPool::builder()
        .limits(Limits::new().max_pending_requests(1))
        .observing(true);
    let layer = MaxPendingRequestsLayer::from_builder(builder);
    let strict = Strict::new(service_fn(kevin));
    let gate = strict.gate();
    gate.set_open(false);
    let mut service = layer.layer(strict);
    let mut waiting: Vec<_> = (0..3).map(|_| task::spawn(service.call_ready())).collect();
    for waiting in &mut waiting {
        assert_pending!(waiting.poll());
    }
    let stats = layer.pool().stats();
    assert_eq!(
        (stats.pending, stats.uncounted, stats.would_overflow),
        (1, 2, 2)
    );
    gate.set_open(true);
    for waiting in &mut waiting {
        assert_eq!(assert_ready_ok!(waiting.poll()).status(), StatusCode::OK);
    }
    let stats = layer.pool().stats();
    assert_eq!((stats.pending, stats.uncounted), (0, 0));
}

#[tokio::test]
async fn going_over_to_observing_and_back_leaves_those_who_wait_waiting() {
    let layer = MaxPendingRequestsLayer::new(1);
    let strict = Strict::new(service_fn(kevin));
    let gate = strict.gate();
    gate.set_open(false);
    let mut waiting = task::spawn(layer.layer(strict).call_ready());
    assert_pending!(waiting.poll());
    layer.pool().set_observing(true);
    assert_pending!(waiting.poll());
    assert_eq!(layer.pool().stats().pending, 1);
    layer.pool().set_observing(false);
    assert_pending!(waiting.poll());
    gate.set_open(true);
    assert_ready_ok!(waiting.poll());
    let stats = layer.pool().stats();
    assert_eq!((stats.pending, stats.active), (0, 0));
}

#[test]
fn it_is_always_ready_and_leaves_the_service_inside_alone() {
    let layer = MaxPendingRequestsLayer::new(1);
    let strict = Strict::new(service_fn(kevin));
    strict.gate().set_open(false);
    let mut service = layer.layer(strict);
    service.poll_ready_now();
    assert!(!service.get_ref().is_ready());
}

#[tokio::test]
async fn a_service_that_fails_to_become_ready_fails_its_request_and_frees_its_place() {
    #[derive(Clone)]
    struct Broken(std::sync::Arc<std::sync::atomic::AtomicBool>);

    impl Service<Request<Body>> for Broken {
        type Response = Response<Body>;
        type Error = &'static str;
        type Future = std::future::Pending<Result<Response<Body>, &'static str>>;

        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), &'static str>> {
            if self.0.swap(true, std::sync::atomic::Ordering::SeqCst) {
                std::task::Poll::Ready(Err("broken"))
            } else {
                std::task::Poll::Pending
            }
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            pending()
        }
    }

    let layer = MaxPendingRequestsLayer::new(1);
    let mut future = task::spawn(layer.layer(Broken(Default::default())).call(request()));
    assert_pending!(future.poll());
    assert_eq!(layer.pool().stats().pending, 1);
    let std::task::Poll::Ready(Err("broken")) = future.poll() else {
        panic!("it is to fail");
    };
    let stats = layer.pool().stats();
    assert_eq!(
        (stats.pending, stats.cancelled, stats.admitted),
        (0, 0, Some(0))
    );
}

#[cfg(debug_assertions)]
#[tokio::test]
#[should_panic(expected = "the pool's layer was applied twice on its way")]
async fn meeting_the_layer_twice_panics_in_debug_builds() {
    let layer = MaxPendingRequestsLayer::new(10);
    let mut service = layer.layer(layer.layer(service_fn(kevin)));
    let _ = service.call_ready().await;
}
