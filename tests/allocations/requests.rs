//! Allocations per request, above those of the service itself.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use meshpool::http::Refused;
use meshpool::inbound::admit::Error;
use meshpool::{InboundPool, Limits};
use tower::layer::util::Identity;
use tower::{Layer, Service, service_fn};

fn pool(slots: u32, places: u32) -> InboundPool {
    InboundPool::new(
        Limits::new()
            .max_requests(slots)
            .max_pending_requests(places),
    )
}

fn kevin(_: Request<Body>) -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Full::from("Kevin"))))
}

/// What the note of a request's meeting with a pool allocates: nothing but in debug builds.
fn note() -> u64 {
    #[derive(Clone, Default)]
    struct Note(Vec<usize>);

    if cfg!(not(debug_assertions)) {
        return 0;
    }
    let mut request = Request::new(Body::empty());
    let noted = measure(|| {
        let Note(met) = request.extensions_mut().get_or_insert_default();
        met.push(1);
    });
    assert!(noted.count_total > 0);
    noted.count_total
}

/// Sees one request through, its response body read to the end and dropped.
fn see_through<S, B>(service: &mut S)
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: std::fmt::Debug,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let future = pin!(service.call(Request::new(Body::empty())));
    let Poll::Ready(response) = future.poll(&mut cx) else {
        panic!("nothing has to wait");
    };
    let mut body = pin!(response.unwrap().into_body());
    while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(&mut cx) {
        frame.unwrap();
    }
}

/// How many allocations one more request makes.
fn allocations<S, B>(mut service: S) -> u64
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: std::fmt::Debug,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    see_through(&mut service);
    measure(|| see_through(&mut service)).count_total
}

#[test]
fn an_admitted_request_allocates_nothing() {
    let bare = allocations(service_fn(kevin));
    let arc = pool(2, 0);
    assert_eq!(
        allocations(arc.layer().layer(service_fn(kevin))),
        bare + note()
    );
    let leaked = arc.leak();
    assert_eq!(
        allocations(leaked.layer().layer(service_fn(kevin))),
        bare + note()
    );
}

#[test]
fn as_a_router_layer_a_request_costs_one_box() {
    // A router without its state applies its layers, boxed, to each request anew.
    let router = || {
        Router::new()
            .route("/", get(|| async { "Kevin" }))
            .with_state(())
    };
    let identity = allocations(router().layer(Identity::new()));
    let ours = allocations(router().layer(pool(2, 0).layer()));
    // On the way the note goes in first and the router's own notes find the map there: what they
    // would have allocated for it they need not.
    assert!(ours <= identity + 1 + note(), "{ours} and {identity}");
    if cfg!(not(debug_assertions)) {
        assert_eq!(ours, identity + 1);
    }
}

#[test]
fn a_request_refused_with_the_typed_error_allocates_nothing() {
    let layer = pool(0, 0).admit_layer();
    let service = layer.layer(service_fn(|()| ready(Ok::<_, Infallible>(()))));
    let mut cx = Context::from_waker(Waker::noop());
    let refused = measure(|| {
        let mut service = service.clone();
        assert!(service.poll_ready(&mut cx).is_ready());
        let Poll::Ready(result) = pin!(service.call(())).poll(&mut cx) else {
            panic!("nothing has to wait");
        };
        let refused = matches!(result, Err(Error::Refused(Refused::Overflow(_))));
        assert!(refused);
    });
    assert_eq!(refused.count_total, 0);
}

#[test]
fn a_refusal_over_http_is_prepared_once_for_each_change_of_limits() {
    let pool = pool(0, 0);
    let mut service = pool.layer().layer(service_fn(kevin));
    let mut refuse = || measure(|| see_through(&mut service)).count_total;
    let first = refuse();
    let later = refuse();
    assert!(later < first, "{later} and {first}");
    assert_eq!(refuse(), later);
    allocation_counter::opt_out(|| pool.update(pool.limits()));
    assert!(refuse() > later);
    assert_eq!(refuse(), later);
}

#[test]
fn a_request_that_waits_allocates_once() {
    let pool = pool(1, 1);
    let mut service = pool
        .admit_layer()
        .layer(service_fn(|()| ready(Ok::<_, Infallible>(()))));
    let mut cx = Context::from_waker(Waker::noop());
    let mut wait = || {
        let mut holder = Box::pin(
            pool.admit_layer()
                .layer(service_fn(|()| {
                    std::future::pending::<Result<(), Infallible>>()
                }))
                .call(()),
        );
        assert!(holder.as_mut().poll(&mut cx).is_pending());
        measure(|| {
            let mut waiter = pin!(service.call(()));
            assert!(waiter.as_mut().poll(&mut cx).is_pending());
            allocation_counter::opt_out(|| drop(holder));
            assert!(waiter.as_mut().poll(&mut cx).is_ready());
        })
    };
    wait(); // the queue's memory, kept from here on
    assert_eq!(wait().count_total, 1);
}
