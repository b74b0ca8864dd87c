//! Each order of composition, and what an idle clone does, with Tower's own layers.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use meshpool::InboundPool;
use meshpool::inbound::{MaxPendingRequestsLayer, MaxRequestsLayer};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::balance::p2c::Balance;
use tower::buffer::Buffer;
use tower::discover::ServiceList;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load::Constant;
use tower::load_shed::LoadShedLayer;
use tower::load_shed::error::Overloaded;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::support::{CallReady, Strict, kevin, pool, request};

type Answer = Response<Full<Bytes>>;

fn never() -> impl Service<
    Request<Body>,
    Response = Answer,
    Error = Infallible,
    Future = std::future::Pending<Result<Answer, Infallible>>,
> + Clone {
    Strict::new(service_fn(|_: Request<Body>| std::future::pending()))
}

/// Lets the tasks around have their turn.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

// === The two halves ===

#[test]
fn pending_in_front_of_requests_n_run_m_wait_and_the_next_is_refused() {
    let pending = MaxPendingRequestsLayer::new(2);
    let requests = MaxRequestsLayer::new(3);
    let mut service = ServiceBuilder::new()
        .layer(pending.clone())
        .layer(requests.clone())
        .service(Strict::new(service_fn(kevin)));

    let mut running: Vec<_> = (0..3)
        .map(|_| assert_ready_ok!(task::spawn(service.call_ready()).poll()))
        .collect();
    let mut waiting: Vec<_> = (0..2).map(|_| task::spawn(service.call_ready())).collect();
    for waiting in &mut waiting {
        assert_pending!(waiting.poll());
    }
    assert_eq!(
        (
            requests.pool().stats().active,
            pending.pool().stats().pending
        ),
        (3, 2)
    );
    let refused = assert_ready_ok!(task::spawn(service.call_ready()).poll());
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);

    // Those who wait are served in their order, each when a body has ended.
    for mut waiting in waiting {
        assert!(!waiting.is_woken());
        running.remove(0);
        assert!(waiting.is_woken());
        running.push(assert_ready_ok!(waiting.poll()));
        assert_eq!(requests.pool().stats().active, 3);
    }
    assert_eq!(pending.pool().stats().pending, 0);
    drop(running);
    assert_eq!(requests.pool().stats().active, 0);
}

#[test]
fn pending_in_front_of_requests_may_refuse_until_a_granted_waiter_is_polled() {
    let service = |max: u32| {
        ServiceBuilder::new()
            .layer(MaxPendingRequestsLayer::new(max))
            .layer(MaxRequestsLayer::new(1))
            .service(Strict::new(service_fn(kevin)))
    };
    let mut composed = service(1);
    let held = assert_ready_ok!(task::spawn(composed.call_ready()).poll());
    let mut waiting = task::spawn(composed.call_ready());
    assert_pending!(waiting.poll());
    drop(held);
    // One runs, as good as; nobody has to wait; and yet:
    let refused = assert_ready_ok!(task::spawn(composed.call_ready()).poll());
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_ready_ok!(waiting.poll());

    // In one pass it is not so.
    let mut whole = pool(1, 1).layer().layer(Strict::new(service_fn(kevin)));
    let held = assert_ready_ok!(task::spawn(whole.call_ready()).poll());
    let mut waiting = task::spawn(whole.call_ready());
    assert_pending!(waiting.poll());
    drop(held);
    let mut next = task::spawn(whole.call_ready());
    assert_pending!(next.poll());
    assert_ready_ok!(waiting.poll());
    assert_ready_ok!(next.poll());
}

#[test]
fn requests_in_front_of_pending_leaves_nothing_to_limit() {
    let pending = MaxPendingRequestsLayer::new(0);
    let requests = MaxRequestsLayer::new(1);
    let mut service = ServiceBuilder::new()
        .layer(requests.clone())
        .layer(pending.clone())
        .service(never());
    let _held = service.call_ready();
    let mut waiting: Vec<_> = (0..10).map(|_| task::spawn(service.clone())).collect();
    for waiting in &mut waiting {
        assert_pending!(waiting.enter(|cx, mut service| service.poll_ready(cx)));
    }
    assert_eq!(
        (
            requests.pool().stats().pending,
            pending.pool().stats().pending
        ),
        (10, 0)
    );
    assert_eq!(pending.pool().stats().overflowed.total(), 0);
}

#[test]
fn two_limits_on_requests_hold_a_slot_of_the_outer_while_they_wait_for_the_inner() {
    let (outer, inner) = (MaxRequestsLayer::new(2), MaxRequestsLayer::new(1));
    let service = ServiceBuilder::new()
        .layer(outer.clone())
        .layer(inner.clone())
        .service(never());
    let _held = service.clone().call_ready();
    let mut waiting = task::spawn(service);
    assert_pending!(waiting.enter(|cx, mut service| service.poll_ready(cx)));
    assert_eq!(
        (outer.pool().stats().active, inner.pool().stats().active),
        (2, 1)
    );
    drop(waiting);
    assert_eq!(
        (outer.pool().stats().active, inner.pool().stats().pending),
        (1, 0)
    );
}

#[test]
fn two_layers_of_an_axum_router_do_not_see_each_other_and_one_stack_does() {
    let pending = MaxPendingRequestsLayer::new(0);
    let requests = MaxRequestsLayer::new(1);
    let router = || Router::new().route("/", get(std::future::pending::<()>));

    // What axum puts between its layers is always ready, and waits in its future.
    let mut apart = router().layer(requests.clone()).layer(pending.clone());
    let mut running = task::spawn(apart.call_ready());
    assert_pending!(running.poll());
    let mut waiting = task::spawn(apart.call_ready());
    assert_pending!(waiting.poll());
    assert_eq!(
        (
            requests.pool().stats().pending,
            pending.pool().stats().pending
        ),
        (1, 0)
    );
    drop((running, waiting));

    let stack = ServiceBuilder::new()
        .layer(pending.clone())
        .layer(requests.clone());
    let mut together = router().layer(stack);
    let mut running = task::spawn(together.call_ready());
    assert_pending!(running.poll());
    let refused = assert_ready_ok!(task::spawn(together.call_ready()).poll());
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
}

// === ConcurrencyLimit ===

#[test]
fn pending_works_in_front_of_towers_limit_too() {
    let layer = MaxPendingRequestsLayer::new(1);
    let mut service = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(GlobalConcurrencyLimitLayer::new(1))
        .service(never());
    let mut running = task::spawn(service.call_ready());
    assert_pending!(running.poll());
    let mut waiting = task::spawn(service.call_ready());
    assert_pending!(waiting.poll());
    assert_eq!(layer.pool().stats().pending, 1);
    let refused = assert_ready_ok!(task::spawn(service.call_ready()).poll());
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(running);
    assert!(waiting.is_woken());
    assert_pending!(waiting.poll());
    assert_eq!(layer.pool().stats().pending, 0, "it runs");
}

#[test]
fn pending_inside_towers_limit_never_refuses() {
    let layer = MaxPendingRequestsLayer::new(0);
    let service = ServiceBuilder::new()
        .layer(GlobalConcurrencyLimitLayer::new(1))
        .layer(layer.clone())
        .service(never());
    let _running = service.clone().call_ready();
    let mut waiting = task::spawn(service);
    assert_pending!(waiting.enter(|cx, mut service| service.poll_ready(cx)));
    assert_eq!(layer.pool().stats().overflowed.total(), 0);
}

#[test]
fn requests_around_and_inside_of_towers_limit_hold_what_is_outside_first() {
    let ours = MaxRequestsLayer::new(2);
    let around = ServiceBuilder::new()
        .layer(ours.clone())
        .layer(GlobalConcurrencyLimitLayer::new(1))
        .service(never());
    let _running = around.clone().call_ready();
    let mut waiting = task::spawn(around);
    assert_pending!(waiting.enter(|cx, mut service| service.poll_ready(cx)));
    assert_eq!(
        ours.pool().stats().active,
        2,
        "one of them waits for the other limit"
    );

    let ours = MaxRequestsLayer::new(2);
    let inside = ServiceBuilder::new()
        .layer(GlobalConcurrencyLimitLayer::new(1))
        .layer(ours.clone())
        .service(never());
    let _running = inside.clone().call_ready();
    let mut waiting = task::spawn(inside);
    assert_pending!(waiting.enter(|cx, mut service| service.poll_ready(cx)));
    assert_eq!(ours.pool().stats().active, 1);
}

#[test]
fn the_pool_counts_on_where_towers_limit_has_let_go() {
    let pool = pool(10, 0);
    let mut service = ServiceBuilder::new()
        .layer(pool.layer())
        .layer(GlobalConcurrencyLimitLayer::new(1))
        .service(Strict::new(service_fn(kevin)));
    let bodies: Vec<_> = (0..5)
        .map(|_| assert_ready_ok!(task::spawn(service.call_ready()).poll()))
        .collect();
    assert_eq!(pool.stats().active, 5, "five through a limit of one");
    drop(bodies);
    assert_eq!(pool.stats().active, 0);
}

#[test]
fn a_waiter_of_the_pool_takes_the_inner_limit_only_when_it_has_its_slot() {
    let pool = pool(1, 1);
    let inner = MaxRequestsLayer::new(3);
    let mut service = ServiceBuilder::new()
        .layer(pool.layer())
        .layer(inner.clone())
        .service(never());
    let _running = service.call_ready();
    let mut waiting = task::spawn(service.call_ready());
    assert_pending!(waiting.poll());
    // One runs; one waits and holds nothing; the ready service, which was left in place, holds
    // one.
    assert_eq!(inner.pool().stats().active, 2);
    drop(service);
    assert_eq!(inner.pool().stats().active, 1);
}

// === LoadShed ===

#[test]
fn an_idle_clone_behind_load_shed_holds_a_slot() {
    let layer = MaxRequestsLayer::new(1);
    let service = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(layer.clone())
        .service(Strict::new(service_fn(kevin)));
    let mut idle = service.clone();
    idle.poll_ready_now();
    assert_eq!(layer.pool().stats().active, 1);
    let mut other = service.clone();
    let error = assert_ready_err!(task::spawn(other.call_ready()).poll());
    assert!(error.is::<Overloaded>(), "though nothing runs");

    // And what it has shed stands in the queue still, and is granted a slot that nobody uses.
    drop(idle);
    assert_eq!(
        (layer.pool().stats().active, layer.pool().stats().pending),
        (1, 0)
    );
    drop(other);
    assert_eq!(layer.pool().stats().active, 0);
}

#[test]
fn an_idle_clone_behind_load_shed_holds_a_place_where_places_are_limited() {
    let pool = pool(1, 1);
    let service = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(MaxRequestsLayer::from_pool(pool.clone()))
        .service(never());
    let _running = service.clone().call_ready();
    let mut idle = service.clone();
    idle.poll_ready_now();
    assert_eq!(pool.stats().pending, 1);
    drop(idle);
    assert_eq!(pool.stats().pending, 0);
}

#[test]
fn load_shed_around_the_other_layers_holds_nothing_and_sheds_nothing() {
    let pool = pool(1, 0);
    let mut whole = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(pool.layer())
        .service(Strict::new(service_fn(kevin)));
    whole.poll_ready_now();
    assert_eq!(pool.stats().active, 0);
    let _held = assert_ready_ok!(task::spawn(whole.call_ready()).poll());
    let refused = assert_ready_ok!(task::spawn(whole.call_ready()).poll());
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);

    let pending = MaxPendingRequestsLayer::new(0);
    let requests = MaxRequestsLayer::new(1);
    let mut halves = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(pending)
        .layer(requests.clone())
        .service(Strict::new(service_fn(kevin)));
    halves.poll_ready_now();
    assert_eq!(requests.pool().stats().active, 0);
    let held = assert_ready_ok!(task::spawn(halves.call_ready()).poll());
    let refused = assert_ready_ok!(task::spawn(halves.call_ready()).poll());
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(held);
    assert_eq!(requests.pool().stats().active, 0);
}

#[test]
fn load_shed_inside_the_pool_is_asked_only_for_what_was_admitted() {
    let pool = pool(5, 0);
    let mut service = ServiceBuilder::new()
        .layer(pool.layer())
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(1))
        .service(never());
    let mut running = task::spawn(service.call_ready());
    assert_pending!(running.poll());
    let error = assert_ready_err!(task::spawn(service.call_ready()).poll());
    assert!(error.is::<Overloaded>());
    assert_eq!(pool.stats().active, 1, "what was shed holds nothing");
}

// === Buffer ===

#[tokio::test]
async fn a_buffers_worker_holds_a_slot_that_its_request_has_left() {
    let layer = MaxRequestsLayer::new(1);
    let direct = layer.layer(Strict::new(service_fn(kevin)));
    let buffered = Buffer::new(direct.clone(), 4);
    let held = direct.clone().call_ready().await.unwrap();

    let left = tokio::spawn(buffered.clone().oneshot(request()));
    settle().await;
    assert_eq!(layer.pool().stats().pending, 1, "the worker waits");
    left.abort();
    assert!(left.await.unwrap_err().is_cancelled());
    drop(held);
    settle().await;
    assert_eq!(layer.pool().stats().active, 1, "for nobody");

    // The next one through the same worker uses it.
    let response = buffered.clone().oneshot(request()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    drop((response, buffered));
    settle().await;
    assert_eq!(layer.pool().stats().active, 0);
}

#[tokio::test]
async fn a_buffer_around_the_pool_holds_nothing_for_a_request_that_left() {
    let pool = pool(1, 4);
    let direct = pool.layer().layer(Strict::new(service_fn(kevin)));
    let buffered = Buffer::new(direct.clone(), 4);
    let held = direct.clone().call_ready().await.unwrap();
    let left = tokio::spawn(buffered.clone().oneshot(request()));
    while pool.stats().pending == 0 {
        tokio::task::yield_now().await;
    }
    left.abort();
    assert!(left.await.unwrap_err().is_cancelled());
    assert_eq!(pool.stats().pending, 0);
    drop(held);
    settle().await;
    assert_eq!(pool.stats().active, 0);
}

#[tokio::test]
async fn pending_in_front_of_a_buffer_waits_for_room_in_the_buffer() {
    let layer = MaxPendingRequestsLayer::new(1);
    let limited = MaxRequestsLayer::new(1).layer(never());
    let mut service = layer.layer(Buffer::new(limited, 1));
    // One runs, one is in the worker's hand, one in the channel; from then on they wait.
    let mut there = Vec::new();
    while layer.pool().stats().pending == 0 {
        let mut next = task::spawn(service.call_ready());
        assert_pending!(next.poll());
        there.push(next);
        settle().await;
        assert!(there.len() < 10);
    }
    let refused = assert_ready_ok!(task::spawn(service.call_ready()).poll());
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
}

// === Balance ===

#[tokio::test]
async fn ready_endpoints_of_a_balance_hold_slots_or_not() {
    let requests = MaxRequestsLayer::new(5);
    let endpoint = || Constant::new(requests.layer(Strict::new(service_fn(kevin))), 1);
    let mut balance = Balance::new(ServiceList::new::<Request<Body>>([endpoint(), endpoint()]));
    balance.ready().await.unwrap();
    assert_eq!(requests.pool().stats().active, 2, "one for each endpoint");

    let pool: InboundPool = pool(5, 0);
    let endpoint = || Constant::new(pool.layer().layer(Strict::new(service_fn(kevin))), 1);
    let mut balance = Balance::new(ServiceList::new::<Request<Body>>([endpoint(), endpoint()]));
    balance.ready().await.unwrap();
    assert_eq!(pool.stats().active, 0);
}
