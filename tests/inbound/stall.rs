//! Responses whose readers take nothing. Polled by hand; the time is paused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Version};
use http_body::Frame;
use http_body_util::Full;
use meshpool::InboundPool;
use meshpool::http::ResponseBody;
use meshpool::inbound::SharedPool;
use tokio::runtime::{self, Runtime};
use tokio::time::sleep;
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{BoxError, Layer, Service};

use crate::support::{
    CallReady, Guarded, OnDrop, data, limits, once, piped, piped_with, pool, request,
};

type Spawned<B> = task::Spawn<ResponseBody<B, SharedPool>>;

const TIMEOUT: Duration = Duration::from_secs(60);
/// An abort comes up to a quarter late.
const LATEST: Duration = Duration::from_secs(75);

/// The body of a response, as a server has it in hand.
fn respond<B>(pool: &InboundPool, version: Version, body: B) -> Spawned<B>
where
    B: http_body::Body + Send + 'static,
{
    let mut service = pool.layer().layer(once(body));
    service.poll_ready_now();
    let request = Request::builder().version(version).body(Body::empty());
    let mut future = task::spawn(service.call(request.unwrap()));
    task::spawn(assert_ready_ok!(future.poll()).into_body())
}

fn poll<B>(body: &mut Spawned<B>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.enter(|cx, body| http_body::Body::poll_frame(body, cx))
}

/// Lets the sweeper see each of its moments within that time.
async fn pass(time: Duration) {
    sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_never_polled_is_aborted() {
    let pool = pool(1, 0);
    let mut body = respond(&pool, Version::HTTP_11, piped().1);
    pass(TIMEOUT - Duration::from_secs(1)).await;
    assert_eq!(pool.stats().active, 1);
    pass(LATEST - TIMEOUT + Duration::from_secs(2)).await;
    assert_eq!(pool.stats().active, 0);

    assert!(
        !http_body::Body::is_end_stream(&*body),
        "it did not end, it failed"
    );
    let error = assert_ready!(poll(&mut body)).unwrap().unwrap_err();
    assert_eq!(error.to_string(), "response body was not read for 60s");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stops_in_the_middle_is_cut_off() {
    let pool = pool(1, 0);
    let (pipe, body) = piped();
    let mut body = respond(&pool, Version::HTTP_11, body);
    for _ in 0..10 {
        pass(TIMEOUT / 2).await;
        pipe.send(data("Kevin")).unwrap();
        assert_ready!(poll(&mut body)).unwrap().unwrap();
        assert_eq!(pool.stats().active, 1, "it reads, if slowly");
    }
    pass(LATEST).await;
    assert_eq!(pool.stats().active, 0);
    assert!(assert_ready!(poll(&mut body)).unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_has_nothing_to_send_is_not_stalled() {
    let pool = pool(1, 0);
    let (pipe, body) = piped();
    let mut body = respond(&pool, Version::HTTP_2, body);
    assert_pending!(poll(&mut body));
    pass(TIMEOUT * 100).await;
    assert_eq!(pool.stats().active, 1);
    pipe.send(data("Kevin")).unwrap();
    assert!(body.is_woken());
    let frame = assert_ready!(poll(&mut body)).unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "Kevin");
    assert_pending!(poll(&mut body));
    pass(TIMEOUT * 100).await;
    drop(pipe);
    assert!(assert_ready!(poll(&mut body)).is_none());
    assert_eq!(pool.stats().active, 0);
}

#[tokio::test(start_paused = true)]
async fn a_small_body_is_watched_on_http2_and_need_not_be_on_http1() {
    let pool = pool(3, 0);
    let small = respond(&pool, Version::HTTP_11, Full::<Bytes>::from("Kevin"));
    let _windowed = respond(&pool, Version::HTTP_2, Full::<Bytes>::from("Kevin"));
    let large = Full::<Bytes>::from(vec![0; 64 * 1024 + 1]);
    let _large = respond(&pool, Version::HTTP_11, large);
    assert_eq!(pool.stats().active, 3);
    pass(LATEST * 2).await;
    assert_eq!(pool.stats().active, 1);
    drop(small);
    assert_eq!(pool.stats().active, 0);
}

#[tokio::test(start_paused = true)]
async fn the_timeout_can_be_chosen_or_left_out() {
    let chosen = InboundPool::builder()
        .limits(limits(1, 0))
        .stall_timeout(Duration::from_secs(4))
        .build();
    let never = InboundPool::builder()
        .limits(limits(1, 0))
        .stall_timeout(None)
        .build();
    let _bodies = [
        respond(&chosen, Version::HTTP_11, piped().1),
        respond(&never, Version::HTTP_11, piped().1),
    ];
    pass(Duration::from_secs(6)).await;
    assert_eq!(chosen.stats().active, 0);
    pass(TIMEOUT * 100).await;
    assert_eq!(never.stats().active, 1);
}

#[tokio::test(start_paused = true)]
async fn the_aborted_body_is_dropped_before_its_permit_and_those_who_wait_are_served() {
    let pool = pool(1, 1);
    let at_drop = Arc::new(AtomicU32::new(u32::MAX));
    let (seen, asked) = (at_drop.clone(), pool.clone());
    let guard = OnDrop(move || seen.store(asked.stats().active, SeqCst));
    let _stalled = respond(&pool, Version::HTTP_11, Guarded::new(piped().1, guard));
    let mut service = pool.layer().layer(once(Full::<Bytes>::from("Kevin")));
    let mut waiting = task::spawn(service.call_ready());
    assert_pending!(waiting.poll());
    pass(LATEST).await;
    assert_eq!(at_drop.load(SeqCst), 1);
    assert!(waiting.is_woken());
    assert_ready_ok!(waiting.poll());
}

#[tokio::test(start_paused = true)]
async fn bodies_that_come_after_the_last_has_ended_are_watched_again() {
    let pool = pool(1, 0);
    for _ in 0..3 {
        let stalled = respond(&pool, Version::HTTP_11, piped().1);
        pass(LATEST).await;
        assert_eq!(pool.stats().active, 0);
        drop(stalled);
        pass(LATEST).await; // and the sweeper goes home
    }
}

#[test]
fn the_sweeper_starts_again_in_another_runtime() {
    let pool = pool(2, 0);
    let paused = || -> Runtime {
        let mut builder = runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap()
    };
    let first = paused();
    let mut early = first.block_on(async { respond(&pool, Version::HTTP_11, piped().1) });
    drop(first); // with the sweeper, while there is a body to watch

    paused().block_on(async {
        pass(TIMEOUT * 2).await;
        assert_eq!(pool.stats().active, 1, "nobody watches");
        let _late = respond(&pool, Version::HTTP_11, piped().1);
        pass(LATEST).await;
        assert_eq!(pool.stats().active, 0, "both are watched");
    });
    assert!(assert_ready!(poll(&mut early)).unwrap().is_err());
}

#[test]
fn one_that_is_refused_has_the_stalled_swept_again() {
    let pool = pool(1, 0);
    let paused = || -> Runtime {
        let mut builder = runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap()
    };
    let first = paused();
    let stalled = first.block_on(async { respond(&pool, Version::HTTP_11, piped().1) });
    drop(first); // with the sweeper, while the only slot is held

    paused().block_on(async {
        pass(TIMEOUT * 2).await;
        assert_eq!(pool.stats().active, 1, "nobody watches");
        let mut service = pool.layer().layer(once(piped().1));
        service.poll_ready_now();
        let mut refused = task::spawn(service.call(request()));
        assert_eq!(assert_ready_ok!(refused.poll()).status(), 503);
        pass(LATEST).await;
        assert_eq!(pool.stats().active, 0);
    });
    drop(stalled);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_panics_when_it_is_dropped_does_not_end_the_sweep() {
    let pool = pool(2, 0);
    let bomb = OnDrop(|| panic!("dropped"));
    let _first = respond(&pool, Version::HTTP_11, piped_with(bomb).1);
    let _second = respond(&pool, Version::HTTP_11, piped().1);
    pass(LATEST).await;
    assert_eq!(pool.stats().active, 0);
}

#[test]
fn without_a_runtime_there_is_no_timeout_and_all_the_rest() {
    let pool = pool(1, 0);
    let (pipe, body) = piped();
    let mut body = respond(&pool, Version::HTTP_11, body);
    pipe.send(data("Kevin")).unwrap();
    assert_ready!(poll(&mut body)).unwrap().unwrap();
    assert_eq!(pool.stats().active, 1);
    drop(pipe);
    assert!(assert_ready!(poll(&mut body)).is_none());
    assert_eq!(pool.stats().active, 0);
}
