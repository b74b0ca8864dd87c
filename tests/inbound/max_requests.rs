//! `MaxRequestsLayer`: holds back in `poll_ready`.

use std::convert::Infallible;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use meshpool::inbound::{MaxRequests, MaxRequestsLayer, PoolHandle};
use meshpool::{InboundPool, Limits};
use tokio_test::task::{self, Spawn};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok};
use tower::{Layer, Service, service_fn};

use crate::support::{CallReady, PipeBroken, Strict, kevin, limits, pool, request, request_to};

fn poll_ready<S, H>(service: &mut Spawn<MaxRequests<S, H>>) -> Poll<Result<(), S::Error>>
where
    S: Service<Request<Body>, Response = Response<Full<Bytes>>> + Unpin,
    H: PoolHandle,
{
    service.enter(|cx: &mut Context<'_>, mut service| service.poll_ready(cx))
}

#[test]
fn a_service_waits_in_poll_ready_and_runs_when_a_body_has_ended() {
    let layer = MaxRequestsLayer::new(1);
    let mut first = layer.layer(Strict::new(service_fn(kevin)));
    let mut second = task::spawn(first.clone());
    let mut future = task::spawn(first.call_ready());
    let response = assert_ready_ok!(future.poll());

    assert_pending!(poll_ready(&mut second));
    assert_eq!(
        (layer.pool().stats().active, layer.pool().stats().pending),
        (1, 1)
    );
    drop(response);
    assert!(second.is_woken());
    assert_ready_ok!(poll_ready(&mut second));
    let mut future = task::spawn(second.call(request()));
    assert_eq!(assert_ready_ok!(future.poll()).status(), StatusCode::OK);
    assert_eq!(layer.pool().stats().active, 0);
    assert_eq!(layer.pool().stats().admitted, Some(2));
}

#[test]
fn services_are_served_in_the_order_in_which_they_first_asked() {
    let layer = MaxRequestsLayer::new(1);
    let service = layer.layer(Strict::new(service_fn(kevin)));
    let held = service.clone().call_ready();
    let mut waiting: Vec<_> = (0..3).map(|_| task::spawn(service.clone())).collect();
    for waiting in &mut waiting {
        assert_pending!(poll_ready(waiting));
    }
    let mut running = Some(held);
    for mut waiting in waiting {
        drop(running.take());
        assert!(waiting.is_woken());
        let mut newcomer = task::spawn(service.clone());
        assert_pending!(poll_ready(&mut newcomer));
        assert_ready_ok!(poll_ready(&mut waiting));
        running = Some(waiting.call(request()));
    }
}

#[test]
fn a_ready_service_holds_a_slot_until_it_is_called_or_dropped() {
    let layer = MaxRequestsLayer::new(1);
    let mut service = layer.layer(Strict::new(service_fn(kevin)));
    service.poll_ready_now();
    assert_eq!(layer.pool().stats().active, 1);
    service.poll_ready_now();
    assert_eq!(layer.pool().stats().active, 1, "asked twice, held once");
    let future = service.call(request());
    assert_eq!(layer.pool().stats().active, 1);
    drop(future);
    assert_eq!(layer.pool().stats().active, 0);
    service.poll_ready_now();
    drop(service);
    assert_eq!(layer.pool().stats().active, 0);
}

#[test]
fn a_clone_begins_un_ready_and_without_a_turn() {
    let layer = MaxRequestsLayer::new(1);
    let mut ready = layer.layer(Strict::new(service_fn(kevin)));
    ready.poll_ready_now();
    let mut clone = task::spawn(ready.clone());
    assert_pending!(poll_ready(&mut clone));
    let mut clone_of_one_that_waits = task::spawn(clone.clone());
    assert_eq!(layer.pool().stats().pending, 1);
    drop(ready);
    assert!(clone.is_woken());
    assert_pending!(poll_ready(&mut clone_of_one_that_waits));
    drop(clone);
    assert_ready_ok!(poll_ready(&mut clone_of_one_that_waits));
}

#[test]
fn the_clone_of_a_ready_service_takes_no_slot_though_one_is_free() {
    let layer = MaxRequestsLayer::new(2);
    let mut ready = layer.layer(Strict::new(service_fn(kevin)));
    ready.poll_ready_now();
    let _clone = ready.clone();
    assert_eq!(layer.pool().stats().active, 1);
}

#[test]
fn a_service_dropped_while_it_waits_or_was_granted_gives_up_its_turn() {
    let layer = MaxRequestsLayer::new(1);
    let service = layer.layer(Strict::new(service_fn(kevin)));
    let held = service.clone().call_ready();
    let [mut first, mut second, mut third] = [(); 3].map(|()| task::spawn(service.clone()));
    for waiting in [&mut first, &mut second, &mut third] {
        assert_pending!(poll_ready(waiting));
    }
    drop(second); // queued
    drop(held);
    assert!(first.is_woken() && !third.is_woken());
    drop(first); // granted, and unpolled
    assert!(third.is_woken());
    assert_ready_ok!(poll_ready(&mut third));
    drop(third);
    assert_eq!(
        (layer.pool().stats().active, layer.pool().stats().pending),
        (0, 0)
    );
}

#[test]
#[should_panic(expected = "MaxRequests called before poll_ready was ready")]
fn a_call_without_readiness_panics() {
    let mut service = MaxRequestsLayer::new(1).layer(service_fn(kevin));
    drop(service.call(request()));
}

#[test]
fn a_service_inside_that_is_not_ready_is_waited_for_with_a_slot() {
    let layer = MaxRequestsLayer::new(1);
    let strict = Strict::new(service_fn(kevin));
    let gate = strict.gate();
    gate.set_open(false);
    let mut service = task::spawn(layer.layer(strict));
    assert_pending!(poll_ready(&mut service));
    assert_eq!(layer.pool().stats().active, 1);
    gate.set_open(true);
    assert!(service.is_woken());
    assert_ready_ok!(poll_ready(&mut service));
}

#[test]
fn a_service_inside_that_fails_to_become_ready_leaves_no_slot_behind() {
    #[derive(Debug)]
    struct Broken;

    impl Service<Request<Body>> for Broken {
        type Response = Response<Full<Bytes>>;
        type Error = PipeBroken;
        type Future = std::future::Pending<Result<Self::Response, PipeBroken>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), PipeBroken>> {
            Poll::Ready(Err(PipeBroken))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            pending()
        }
    }

    let layer = MaxRequestsLayer::new(1);
    let mut service = task::spawn(layer.layer(Broken));
    assert_ready_err!(poll_ready(&mut service));
    assert_eq!(layer.pool().stats().active, 0, "the service is still there");
}

#[test]
fn a_panic_in_call_gives_the_slot_back() {
    let layer = MaxRequestsLayer::new(1);
    let mut service = layer.layer(service_fn(|_: Request<Body>| {
        if true {
            panic!("in call");
        }
        pending::<Result<Response<Body>, Infallible>>()
    }));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(service.call_ready()))).is_err());
    assert_eq!(layer.pool().stats().active, 0);
}

#[test]
fn the_limit_changes_live() {
    let layer = MaxRequestsLayer::new(1);
    let mut held = layer.layer(Strict::new(service_fn(kevin)));
    let _held = held.call_ready();
    let mut waiting = task::spawn(held.clone());
    assert_pending!(poll_ready(&mut waiting));
    layer.pool().update(Limits::new().max_requests(2));
    assert!(waiting.is_woken());
    assert_ready_ok!(poll_ready(&mut waiting));
    assert_eq!(layer.pool().limits().max_requests, Some(2));
}

#[test]
fn the_limit_is_the_layers_and_not_the_services() {
    let layer = MaxRequestsLayer::new(1);
    let _held = layer.layer(Strict::new(service_fn(kevin))).call_ready();
    let mut other = task::spawn(layer.clone().layer(Strict::new(service_fn(kevin))));
    assert_pending!(poll_ready(&mut other));
}

#[tokio::test]
async fn a_closed_pool_is_ready_to_refuse() {
    let layer = MaxRequestsLayer::new(1);
    let mut service = layer.layer(Strict::new(service_fn(kevin)));
    let _held = service.call_ready();
    layer.pool().close();
    let refused = service.call_ready().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "overflow: pool is closed\n");
}

#[tokio::test]
async fn a_pool_that_limits_pending_requests_bounds_how_many_wait() {
    let pool = pool(1, 1);
    let layer = MaxRequestsLayer::from_pool(pool.clone());
    let service = layer.layer(Strict::new(service_fn(kevin)));
    let held = service.clone().call_ready();
    let mut waiting = task::spawn(service.clone());
    assert_pending!(poll_ready(&mut waiting));
    let refused = service.clone().call_ready().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(held);
    assert_ready_ok!(poll_ready(&mut waiting));
}

#[tokio::test]
async fn an_exempt_request_is_served_without_the_slot_that_its_service_had() {
    let pool = InboundPool::builder()
        .limits(limits(1, 0))
        .exempt(|request| request.uri().path() == "/healthz")
        .build();
    let layer = MaxRequestsLayer::from_pool(pool.clone());
    let mut service = layer.layer(Strict::new(service_fn(kevin)));
    service.poll_ready_now();
    let _healthy = service.call(request_to("/healthz"));
    assert_eq!(pool.stats().active, 0);

    let _held = service.call_ready();
    service.poll_ready_now(); // full: ready to refuse
    let healthy = service.call(request_to("/healthz")).await.unwrap();
    assert_eq!(healthy.status(), StatusCode::OK);
}

#[test]
fn a_leaked_pool_does_as_well() {
    let pool = pool(1, 0);
    let mut service = MaxRequestsLayer::from_pool(pool.leak()).layer(service_fn(kevin));
    let held = service.call_ready();
    assert_eq!(pool.stats().active, 1);
    drop(held);
    assert_eq!(pool.stats().active, 0);
}

#[cfg(debug_assertions)]
#[tokio::test]
#[should_panic(expected = "the pool's layer was applied twice on its way")]
async fn meeting_the_pool_twice_panics_in_debug_builds() {
    let layer = MaxRequestsLayer::new(10);
    let mut service = layer.layer(layer.layer(service_fn(kevin)));
    drop(service.call_ready());
}
