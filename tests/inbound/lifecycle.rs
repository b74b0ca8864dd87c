//! Wherever a request ends, its slot or its place comes back, and what it held is gone by then.

use std::convert::Infallible;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use meshpool::InboundPool;
use tokio_test::{assert_pending, assert_ready, assert_ready_err, assert_ready_ok, task};
use tower::{Layer, Service, ServiceBuilder, service_fn};
use tower_http::catch_panic::CatchPanicLayer;

use crate::support::{
    CallReady, Guarded, OnDrop, PipeBroken, Strict, data, kevin, once, piped, pool, request,
};

#[test]
fn a_ready_service_and_its_clones_hold_nothing() {
    let pool = pool(1, 0);
    let mut ready = task::spawn(pool.layer().layer(Strict::new(service_fn(kevin))));
    assert_ready_ok!(ready.enter(|cx, mut service| service.poll_ready(cx)));
    let mut clone = task::spawn(ready.clone());
    assert_ready_ok!(clone.enter(|cx, mut service| service.poll_ready(cx)));
    assert_eq!(pool.stats().active, 0);

    // Both are ready, and there is one slot: whoever calls first has it.
    let first = clone.call(request());
    assert_eq!(pool.stats().active, 1);
    let mut second = task::spawn(ready.call(request()));
    let second = assert_ready_ok!(second.poll());
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(first);
    assert_eq!(pool.stats().active, 0);
}

#[test]
fn one_that_must_wait_takes_a_fresh_clone_and_leaves_the_ready_service_in_place() {
    let pool = pool(1, 1);
    let held = pool
        .layer()
        .layer(Strict::new(service_fn(kevin)))
        .call_ready();
    let mut service = pool.layer().layer(Strict::new(service_fn(kevin)));
    let gate = service.get_ref().gate();
    service.poll_ready_now();

    let mut waiting = task::spawn(service.call(request()));
    assert!(
        service.get_ref().is_ready(),
        "the ready one is for the next"
    );
    gate.set_open(false);
    assert_pending!(waiting.poll());
    drop(held);
    assert!(waiting.is_woken());
    // It has its slot, and only now is its own clone driven to ready.
    assert_pending!(waiting.poll());
    assert_eq!((pool.stats().active, gate.calls()), (1, 0));
    gate.set_open(true);
    assert!(waiting.is_woken());
    assert_ready_ok!(waiting.poll());
    assert_eq!(gate.calls(), 1);
    assert!(service.get_ref().is_ready());
}

#[test]
fn an_unpolled_future_that_is_dropped_gives_its_slot_back() {
    let pool = pool(1, 0);
    let future = pool
        .layer()
        .layer(Strict::new(service_fn(kevin)))
        .call_ready();
    assert_eq!(pool.stats().active, 1);
    drop(future);
    assert_eq!(pool.stats().active, 0);
}

#[test]
fn a_place_is_taken_at_the_first_poll_and_given_back_on_drop() {
    let pool = pool(1, 1);
    let mut service = pool.layer().layer(Strict::new(service_fn(kevin)));
    let held = service.call_ready();
    let mut first = task::spawn(service.call_ready());
    let mut second = task::spawn(service.call_ready());
    assert_eq!(pool.stats().pending, 0, "nobody was polled");

    assert_pending!(second.poll());
    assert_eq!(pool.stats().pending, 1);
    let refused = assert_ready_ok!(first.poll());
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(second);
    assert_eq!((pool.stats().pending, pool.stats().cancelled), (0, 1));
    drop(held);
    assert_eq!(pool.stats().active, 0);
}

#[test]
fn a_granted_future_that_is_dropped_unpolled_hands_its_slot_to_the_next() {
    let pool = pool(1, 2);
    let mut service = pool.layer().layer(Strict::new(service_fn(kevin)));
    let held = service.call_ready();
    let mut first = task::spawn(service.call_ready());
    let mut second = task::spawn(service.call_ready());
    assert_pending!(first.poll());
    assert_pending!(second.poll());

    drop(held);
    assert!(first.is_woken() && !second.is_woken());
    assert_eq!((pool.stats().active, pool.stats().pending), (1, 1));
    drop(first);
    assert!(second.is_woken());
    drop(second);
    assert_eq!((pool.stats().active, pool.stats().pending), (0, 0));
}

#[test]
fn one_dropped_while_its_service_becomes_ready_gives_its_slot_back() {
    let pool = pool(1, 1);
    let strict = Strict::new(service_fn(kevin));
    let gate = strict.gate();
    let mut service = pool.layer().layer(strict);
    let held = service.call_ready();
    let mut readying = task::spawn(service.call_ready());
    assert_pending!(readying.poll());
    gate.set_open(false);
    drop(held);
    assert_pending!(readying.poll());
    assert_eq!((pool.stats().active, pool.stats().pending), (1, 0));
    drop(readying);
    assert_eq!(pool.stats().active, 0);
}

#[test]
fn one_dropped_while_its_handler_runs_gives_its_slot_back() {
    let pool = pool(1, 0);
    let never = service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>());
    let mut running = task::spawn(pool.layer().layer(Strict::new(never)).call_ready());
    assert_pending!(running.poll());
    assert_eq!(pool.stats().active, 1);
    drop(running);
    assert_eq!(pool.stats().active, 0);
}

#[test]
fn a_response_whose_body_is_dropped_gives_its_slot_back_read_or_not() {
    let pool = pool(1, 0);
    let (pipe, body) = piped();
    let mut service = pool.layer().layer(Strict::new(once(body)));
    let mut future = task::spawn(service.call_ready());
    let response = assert_ready_ok!(future.poll());
    let mut body = task::spawn(response.into_body());
    pipe.send(data("half")).unwrap();
    assert_ready!(body.enter(|cx, body| http_body::Body::poll_frame(body, cx)));
    assert_eq!(pool.stats().active, 1, "in the middle of the body");
    drop(body);
    assert_eq!(pool.stats().active, 0);

    let mut service = pool.layer().layer(Strict::new(once(piped().1)));
    let mut future = task::spawn(service.call_ready());
    let response = assert_ready_ok!(future.poll());
    drop(future);
    assert_eq!(pool.stats().active, 1, "the head alone was taken");
    drop(response);
    assert_eq!(pool.stats().active, 0);
}

#[tokio::test]
async fn a_body_that_fails_gives_its_slot_back_at_once() {
    let pool = pool(1, 0);
    let mut service = pool
        .layer()
        .layer(Strict::new(service_fn(|_: Request<Body>| async {
            let (pipe, body) = piped();
            pipe.send(Err(PipeBroken)).unwrap();
            Ok::<_, Infallible>(Response::new(body))
        })));
    let mut response = service.call_ready().await.unwrap();
    let error = response.body_mut().frame().await.unwrap().unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&PipeBroken));
    assert_eq!(pool.stats().active, 0, "though the body is still there");
    assert!(response.body_mut().frame().await.is_none());
}

#[test]
fn a_service_that_fails_gives_its_slot_back() {
    let pool = pool(1, 0);
    let failing = service_fn(|_: Request<Body>| async { Err::<Response<Body>, _>(PipeBroken) });
    let mut future = task::spawn(pool.layer().layer(Strict::new(failing)).call_ready());
    assert_eq!(pool.stats().active, 1);
    assert_eq!(assert_ready_err!(future.poll()), PipeBroken);
    assert_eq!(pool.stats().active, 0);
}

#[test]
fn a_service_that_fails_to_become_ready_for_a_waiter_gives_its_slot_back() {
    #[derive(Clone)]
    struct Broken(Arc<AtomicU32>);

    impl Service<Request<Body>> for Broken {
        type Response = Response<Body>;
        type Error = PipeBroken;
        type Future = std::future::Pending<Result<Response<Body>, PipeBroken>>;

        /// Ready twice, and broken from then on.
        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), PipeBroken>> {
            let asked = self.0.fetch_add(1, SeqCst);
            std::task::Poll::Ready(if asked < 2 { Ok(()) } else { Err(PipeBroken) })
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            pending()
        }
    }

    let pool = pool(1, 1);
    let mut service = pool.layer().layer(Broken(Arc::default()));
    let held = service.call_ready();
    let mut waiting = task::spawn(service.call_ready());
    assert_pending!(waiting.poll());
    drop(held);
    assert_eq!(assert_ready_err!(waiting.poll()), PipeBroken);
    assert_eq!(pool.stats().active, 0);
}

// === Panics ===

#[test]
fn a_panic_in_call_gives_the_slot_back_to_one_that_waited_or_not() {
    let pool = pool(1, 1);
    let panics = Arc::new(AtomicU32::new(0));
    let count = panics.clone();
    let service = service_fn(move |_: Request<Body>| {
        if count.fetch_add(1, SeqCst) > 0 {
            panic!("in call");
        }
        pending::<Result<Response<Body>, Infallible>>()
    });
    let mut service = pool.layer().layer(Strict::new(service));

    let held = service.call_ready();
    let mut waiting = task::spawn(service.call_ready());
    assert_pending!(waiting.poll());
    drop(held);
    assert!(catch_unwind(AssertUnwindSafe(|| waiting.poll().is_ready())).is_err());
    assert_eq!(pool.stats().active, 0, "the future is still there");
    drop(waiting);

    assert!(catch_unwind(AssertUnwindSafe(|| drop(service.call_ready()))).is_err());
    assert_eq!((pool.stats().active, panics.load(SeqCst)), (0, 3));
}

#[tokio::test]
async fn a_panic_in_a_handler_gives_the_slot_back_with_the_future() {
    let pool = pool(1, 0);
    let service = pool.layer().layer(Strict::new(service_fn(panicking)));
    let mut once = service.clone();
    let joined = tokio::spawn(async move { once.call_ready().await.map(drop) }).await;
    assert!(joined.unwrap_err().is_panic());
    assert_eq!(pool.stats().active, 0);
}

#[tokio::test]
async fn a_panic_that_is_caught_around_the_layer_gives_the_slot_back() {
    let pool = pool(1, 0);
    let mut service = ServiceBuilder::new()
        .layer(CatchPanicLayer::new())
        .layer(pool.layer())
        .service(Strict::new(service_fn(panicking)));
    let response = service.call_ready().await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(pool.stats().active, 0);
}

#[tokio::test]
async fn a_panic_that_is_caught_inside_the_layer_is_a_response_like_any_other() {
    let pool = pool(1, 0);
    let mut service = ServiceBuilder::new()
        .layer(pool.layer())
        .layer(CatchPanicLayer::new())
        .service(Strict::new(service_fn(panicking)));
    let response = service.call_ready().await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(pool.stats().active, 1);
    response.into_body().collect().await.unwrap();
    assert_eq!(pool.stats().active, 0);
}

#[tokio::test]
async fn a_panic_in_a_body_gives_the_slot_back_with_the_body_watched_or_not() {
    struct Panics;

    impl http_body::Body for Panics {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
            panic!("in poll_frame")
        }
    }

    for stall_timeout in [None, Some(std::time::Duration::from_secs(60))] {
        let pool = InboundPool::builder()
            .limits(crate::support::limits(1, 0))
            .stall_timeout(stall_timeout)
            .build();
        let mut service = pool
            .layer()
            .layer(Strict::new(service_fn(|_: Request<Body>| async {
                Ok::<_, Infallible>(Response::new(Panics))
            })));
        let response = service.call_ready().await.unwrap();
        let joined = tokio::spawn(async move {
            let mut body = response.into_body();
            body.frame().await.is_some()
        });
        assert!(joined.await.unwrap_err().is_panic());
        assert_eq!(pool.stats().active, 0, "{stall_timeout:?}");
    }
}

async fn panicking(_: Request<Body>) -> Result<Response<Full<Bytes>>, Infallible> {
    panic!("in the handler")
}

// === What is dropped before the permit ===

/// A body, or whatever a request has, that asks the pool at its drop whether it still counts.
fn counts_at_drop(pool: &InboundPool) -> (impl FnMut() + Send + Unpin + use<>, Arc<AtomicU32>) {
    let seen = Arc::new(AtomicU32::new(u32::MAX));
    let (pool, at_drop) = (pool.clone(), seen.clone());
    (move || at_drop.store(pool.stats().active, SeqCst), seen)
}

#[tokio::test]
async fn the_inner_body_is_dropped_before_the_permit_however_it_ends() {
    // Of known length (held in place), and not (shared with the sweeper).
    for (watched, whole) in [(false, true), (false, false), (true, true), (true, false)] {
        let pool = pool(1, 0);
        let (ask, seen) = counts_at_drop(&pool);
        let body = if watched {
            let (pipe, body) = piped();
            pipe.send(data("Kevin")).unwrap();
            Body::new(Guarded::new(body, OnDrop(ask)))
        } else {
            Body::new(Guarded::new(Full::from("Kevin"), OnDrop(ask)))
        };
        let mut service = pool.layer().layer(Strict::new(once(body)));
        let response = service.call_ready().await.unwrap();
        if whole {
            response.into_body().collect().await.unwrap();
        } else {
            drop(response);
        }
        assert_eq!(seen.load(SeqCst), 1, "watched: {watched}, whole: {whole}");
        assert_eq!(pool.stats().active, 0);
    }
}

#[test]
fn what_a_handler_holds_is_dropped_before_the_permit_done_failed_or_cancelled() {
    for (done, fails) in [(true, false), (true, true), (false, false)] {
        let pool = pool(1, 0);
        let (ask, seen) = counts_at_drop(&pool);
        let ask = Arc::new(std::sync::Mutex::new(Some(OnDrop(ask))));
        let mut service = pool
            .layer()
            .layer(Strict::new(service_fn(move |_: Request<Body>| {
                let held = ask.lock().unwrap().take();
                Holding {
                    result: done.then_some(if fails { Err(PipeBroken) } else { Ok(()) }),
                    _held: held,
                }
            })));
        let mut future = task::spawn(service.call_ready());
        let polled = future.poll();
        assert_eq!(polled.is_ready(), done);
        drop(future);
        assert_eq!(seen.load(SeqCst), 1, "done: {done}, fails: {fails}");
        drop(polled);
        assert_eq!(pool.stats().active, 0);
    }
}

/// A future that does not let go of what it holds when it is done, but when it is dropped.
struct Holding<G> {
    result: Option<Result<(), PipeBroken>>,
    _held: G,
}

impl<G: Unpin> Future for Holding<G> {
    type Output = Result<Response<Body>, PipeBroken>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        match self.result.take() {
            Some(result) => std::task::Poll::Ready(result.map(|()| Response::new(Body::empty()))),
            None => std::task::Poll::Pending,
        }
    }
}
