//! What is counted: one HTTP request through an axum router, and what it is worth beside.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use meshpool::admission::Admission;
use tokio::sync::Semaphore;
use tower::layer::util::Identity;
use tower::{Layer, Service, service_fn};

use crate::subjects::{self, BARE, PLENTY, request};

/// Something to count the instructions of.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    /// What the next ones are compared with.
    pub(crate) is_base: bool,
    /// Sees so many requests through.
    pub(crate) run: fn(u64),
}

const fn base(name: &'static str, run: fn(u64)) -> Variant {
    Variant {
        name,
        is_base: true,
        run,
    }
}

const fn variant(name: &'static str, run: fn(u64)) -> Variant {
    Variant {
        name,
        is_base: false,
        run,
    }
}

pub(crate) const VARIANTS: &[Variant] = &[
    // The service is cloned for each request, and its response body read to the end.
    base("bare", |count| http(count, router())),
    variant("tower_concurrency_limit", |count| {
        http(count, subjects::tower_concurrency_limit(router(), PLENTY));
    }),
    variant("tower_load_shed", |count| {
        let slots = Arc::new(Semaphore::new(PLENTY as usize));
        http(count, subjects::tower_load_shed(router(), &slots));
    }),
    variant("tower_resilience_bulkhead", |count| {
        http(count, subjects::tower_resilience_bulkhead(router(), PLENTY));
    }),
    variant("meshpool_static", |count| {
        http(
            count,
            subjects::meshpool_static(PLENTY).layer().layer(router()),
        );
    }),
    variant("meshpool_arc", |count| {
        http(
            count,
            subjects::meshpool_arc(PLENTY).layer().layer(router()),
        );
    }),
    variant("meshpool_counted", |count| {
        http(
            count,
            subjects::meshpool_counted(PLENTY).layer().layer(router()),
        );
    }),
    // A plain service driven as hyper-util drives it, which clones it for each request.
    base("service/bare", |count| service(count, service_fn(kevin))),
    variant("service/tower_concurrency_limit", |count| {
        service(
            count,
            subjects::tower_concurrency_limit(service_fn(kevin), PLENTY),
        );
    }),
    variant("service/meshpool_static", |count| {
        service(
            count,
            subjects::meshpool_static(PLENTY)
                .layer()
                .layer(service_fn(kevin)),
        );
    }),
    variant("service/meshpool_arc", |count| {
        service(
            count,
            subjects::meshpool_arc(PLENTY)
                .layer()
                .layer(service_fn(kevin)),
        );
    }),
    variant("service/meshpool_counted", |count| {
        service(
            count,
            subjects::meshpool_counted(PLENTY)
                .layer()
                .layer(service_fn(kevin)),
        );
    }),
    // The same as `Router::layer`, which boxes the service and the body again.
    base("router_layer/identity", |count| {
        http(count, router().layer(Identity::new()));
    }),
    variant("router_layer/meshpool_static", |count| {
        http(
            count,
            router().layer(subjects::meshpool_static(PLENTY).layer()),
        );
    }),
    variant("router_layer/meshpool_arc", |count| {
        http(
            count,
            router().layer(subjects::meshpool_arc(PLENTY).layer()),
        );
    }),
    // One queues behind the only slot, the slot comes back, it is granted.
    base("handoff/tokio_semaphore", |count| {
        let semaphore = Semaphore::new(1);
        let mut held = semaphore.try_acquire().ok();
        for _ in 0..count {
            held = hand_off(semaphore.acquire(), || drop(held.take())).ok();
        }
    }),
    variant("handoff/meshpool_static", |count| {
        let admission = Admission::untimed(1, 1).leak();
        let mut held = admission.try_acquire().ok();
        for _ in 0..count {
            held = hand_off(admission.acquire(), || drop(held.take())).ok();
        }
    }),
    // A refusal with the typed error, the service cloned for each request.
    base("refusal/tower_load_shed", |count| {
        let slots = Arc::new(Semaphore::new(0));
        let service = subjects::tower_load_shed(BARE, &slots);
        for number in 0..count {
            assert!(request(&mut service.clone(), number).is_err());
        }
    }),
    variant("refusal/meshpool_static", |count| {
        let service = subjects::meshpool_static(0).admit_layer().layer(BARE);
        for number in 0..count {
            assert!(request(&mut service.clone(), number).is_err());
        }
    }),
];

fn router() -> Router {
    Router::new()
        .route("/user", get(|| async { "Kevin" }))
        .with_state(())
}

fn kevin(_: Request<Body>) -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Full::from("Kevin"))))
}

/// Sees so many requests through hyper-util's adapter.
fn service<S, B>(count: u64, service: S)
where
    S: Service<Request<Body>, Response = Response<B>> + Clone,
    S::Error: std::fmt::Debug,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let service = TowerToHyperService::new(service);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..count {
        let future = pin!(service.call(Request::new(Body::empty())));
        let Poll::Ready(response) = future.poll(&mut cx) else {
            unreachable!("nothing here has to wait");
        };
        assert_eq!(subjects::read(response.unwrap().into_body()), "Kevin".len());
    }
}

/// Sees so many requests through, each by a clone of its own.
fn http<S, B>(count: u64, service: S)
where
    S: Service<Request<Body>, Response = Response<B>> + Clone,
    S::Error: std::fmt::Debug,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let uri = Uri::from_static("/user");
    for _ in 0..count {
        let mut get = Request::new(Body::empty());
        *get.uri_mut() = uri.clone();
        let response = request(&mut service.clone(), get).unwrap();
        assert_eq!(subjects::read(response.into_body()), "Kevin".len());
    }
}

fn hand_off<F: Future>(waiter: F, release: impl FnOnce()) -> F::Output {
    let mut cx = Context::from_waker(Waker::noop());
    let mut waiter = pin!(waiter);
    assert!(waiter.as_mut().poll(&mut cx).is_pending());
    release();
    match waiter.poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the slot came back"),
    }
}
