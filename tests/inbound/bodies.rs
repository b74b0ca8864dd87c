//! Responses pass through unchanged, and those that are never polled end, too.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, Empty, Full};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{Layer, service_fn};

use crate::support::{CallReady, Pipe, Piped, data, kevin, once, piped, pool, request};

#[test]
fn a_known_length_passes_through_to_content_length() {
    let pool = pool(1, 0);
    let mut future = task::spawn(pool.layer().layer(service_fn(kevin)).call_ready());
    let body = assert_ready_ok!(future.poll()).into_body();
    assert_eq!(body.size_hint().exact(), Some(5));
    assert!(!body.is_end_stream());
}

#[tokio::test]
async fn bounds_of_an_unknown_length_pass_through_watched_or_not() {
    for runtime in [true, false] {
        let respond = |_: Request<Body>| async {
            let body = http_body_util::Limited::new(piped().1, 7);
            Ok::<_, Infallible>(Response::new(Hinted(body)))
        };
        let mut service = pool(1, 0).layer().layer(service_fn(respond));
        let mut check = move || {
            let mut future = task::spawn(service.call_ready());
            let body = assert_ready_ok!(future.poll()).into_body();
            assert_eq!(
                (body.size_hint().lower(), body.size_hint().upper()),
                (3, Some(7))
            );
            assert!(!body.is_end_stream());
        };
        if runtime {
            check();
        } else {
            // Without a runtime there is no sweeper to share the body with.
            std::thread::spawn(check).join().unwrap();
        }
    }
}

/// A body that knows bounds of its length.
struct Hinted<B>(B);

impl<B: http_body::Body + Unpin> http_body::Body for Hinted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        std::pin::Pin::new(&mut self.0).poll_frame(cx)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        let mut hint = http_body::SizeHint::new();
        hint.set_lower(3);
        hint.set_upper(7);
        hint
    }
}

#[test]
fn a_body_that_is_empty_says_so_and_ends_with_its_drop() {
    let pool = pool(1, 0);
    let empty =
        |_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) };
    let mut future = task::spawn(pool.layer().layer(service_fn(empty)).call_ready());
    let response = assert_ready_ok!(future.poll());
    assert!(response.body().is_end_stream());
    assert_eq!(response.body().size_hint().exact(), Some(0));
    assert_eq!(pool.stats().active, 1);
    drop(response); // as a server does, without polling it
    assert_eq!(pool.stats().active, 0);
}

#[test]
fn head_and_statuses_without_a_body_end_unpolled() {
    for (method, status) in [
        (Method::HEAD, StatusCode::OK),
        (Method::GET, StatusCode::NO_CONTENT),
        (Method::GET, StatusCode::NOT_MODIFIED),
    ] {
        let pool = pool(1, 0);
        let respond = move |_: Request<Body>| async move {
            // With a length, as the answer to HEAD and 304 have.
            let response = Response::builder().status(status);
            Ok::<_, Infallible>(response.body(Full::<Bytes>::from("Kevin")).unwrap())
        };
        let mut service = pool.layer().layer(service_fn(respond));
        let mut request = request();
        *request.method_mut() = method.clone();
        let mut future = task::spawn(tower::Service::call(&mut service, request));
        let response = assert_ready_ok!(future.poll());
        assert_eq!(response.body().size_hint().exact(), Some(5));
        drop(response);
        assert_eq!(pool.stats().active, 0, "{method} {status}");
    }
}

#[tokio::test]
async fn trailers_pass_through_and_are_the_end() {
    let pool = pool(1, 0);
    let respond = |_: Request<Body>| async {
        let (pipe, body) = piped();
        pipe.send(data("Kevin")).unwrap();
        let trailers = HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-status"),
            HeaderValue::from_static("0"),
        )]);
        pipe.send(Ok(Frame::trailers(trailers))).unwrap();
        Ok::<_, Infallible>(Response::new(body))
    };
    let mut service = pool.layer().layer(service_fn(respond));
    let body = service.call_ready().await.unwrap().into_body();
    let collected = body.collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(collected.to_bytes(), "Kevin");
    assert_eq!(pool.stats().active, 0);
}

#[test]
fn the_slot_comes_back_with_the_last_frame_if_the_body_says_that_it_is_the_last() {
    let pool = pool(1, 0);
    let mut future = task::spawn(pool.layer().layer(service_fn(kevin)).call_ready());
    let mut body = task::spawn(assert_ready_ok!(future.poll()).into_body());
    let frame = assert_ready!(body.enter(|cx, body| body.poll_frame(cx)));
    assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "Kevin");
    assert_eq!(pool.stats().active, 0, "before anybody polls for the end");
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
}

#[tokio::test]
async fn a_stream_of_events_counts_until_its_last() {
    let pool = pool(1, 0);
    let (events, receiver) = futures::channel::mpsc::unbounded::<Event>();
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let mut app = Router::new()
        .route(
            "/",
            get(move || {
                let receiver = receiver.lock().unwrap().take().unwrap();
                async { Sse::new(receiver.map(Ok::<_, Infallible>)) }
            }),
        )
        .layer(pool.layer());
    let mut body = task::spawn(app.call_ready().await.unwrap().into_body());
    for text in ["one", "two"] {
        assert_pending!(body.enter(|cx, body| body.poll_frame(cx)));
        assert_eq!(pool.stats().active, 1);
        events.unbounded_send(Event::default().data(text)).unwrap();
        assert!(body.is_woken());
        let frame = assert_ready!(body.enter(|cx, body| body.poll_frame(cx)));
        let frame = frame.unwrap().unwrap().into_data().unwrap();
        assert_eq!(frame, format!("data: {text}\n\n"));
    }
    drop(events);
    assert!(assert_ready!(body.enter(|cx, body| body.poll_frame(cx))).is_none());
    assert_eq!(pool.stats().active, 0);
}

#[test]
fn a_watched_body_that_has_ended_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _runtime = runtime.enter();
    let pool = pool(1, 0);
    let (pipe, body): (Pipe, Piped) = piped();
    let mut service = pool.layer().layer(once(body));
    let mut future = task::spawn(service.call_ready());
    let mut body = task::spawn(assert_ready_ok!(future.poll()).into_body());
    assert!(!body.is_end_stream());
    drop(pipe);
    assert!(assert_ready!(body.enter(|cx, body| body.poll_frame(cx))).is_none());
    assert!(body.is_end_stream());
    assert_eq!(body.size_hint().exact(), Some(0));
    assert!(assert_ready!(body.enter(|cx, body| body.poll_frame(cx))).is_none());
}
