//! Clients that go away, and clients that stay and read nothing. Over sockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{Request, StatusCode, Version};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use meshpool::InboundPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Guarded, Server, Witness, client, limits, pool, until, within};

/// A short stall timeout, for those who are to run into it.
fn impatient(requests: u32) -> InboundPool {
    InboundPool::builder()
        .limits(limits(requests, 5))
        .stall_timeout(Duration::from_millis(100))
        .build()
}

const LARGE: usize = 64 * 1024 * 1024;

/// A body of so many zeros, of known length and in many pieces. (One piece would be the server's
/// at once, and the body at its end.)
struct Zeros(usize);

impl http_body::Body for Zeros {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let size = self.0.min(65536);
        self.0 -= size;
        Poll::Ready((size > 0).then(|| Ok(Frame::data(Bytes::from(vec![0; size])))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0 as u64)
    }
}

fn app(pool: &InboundPool, witness: &Witness) -> Router {
    let route = |respond: fn() -> Body| {
        let witness = witness.clone();
        get(move || {
            let body = Guarded::new(respond(), witness.enter());
            async { Response::new(Body::new(body)) }
        })
    };
    Router::new()
        .route("/quick", route(|| Body::from("Kevin")))
        .route("/large", route(|| Body::new(Zeros(LARGE))))
        .route(
            "/endless",
            route(|| {
                Body::from_stream(stream::repeat(Ok::<_, Infallible>(Bytes::from(vec![
                    0;
                    65536
                ]))))
            }),
        )
        .route(
            "/silent",
            route(|| Body::from_stream(stream::pending::<Result<Bytes, Infallible>>())),
        )
        .layer(pool.layer())
}

/// Sends a request over HTTP/1 and reads the head of its answer, and not more.
async fn head_of(addr: SocketAddr, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    assert!(
        head.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&head)
    );
    socket
}

#[tokio::test]
async fn a_client_gone_in_the_middle_of_a_body_gives_its_slot_back() {
    for path in ["/silent", "/endless", "/large"] {
        let (pool, witness) = (pool(1, 0), Witness::default());
        let server = Server::axum(app(&pool, &witness)).await;
        let socket = within(head_of(server.addr, path)).await;
        assert_eq!((pool.stats().active, witness.now()), (1, 1));
        drop(socket);
        until(|| pool.stats().active == 0).await;
        assert_eq!(witness.now(), 0, "{path}");
    }
}

#[tokio::test]
async fn a_client_gone_while_it_waits_gives_its_place_back() {
    let (pool, witness) = (pool(1, 1), Witness::default());
    let server = Server::axum(app(&pool, &witness)).await;
    let _held = within(head_of(server.addr, "/silent")).await;
    let addr = server.addr;
    let waiting = tokio::spawn(async move { head_of(addr, "/quick").await });
    until(|| pool.stats().pending == 1).await;
    waiting.abort();
    until(|| pool.stats().pending == 0).await;
    assert_eq!((pool.stats().cancelled, witness.all()), (1, 1));
}

#[tokio::test]
async fn a_stalled_reader_is_cut_off_and_one_that_waits_is_served() {
    for path in ["/large", "/endless"] {
        let (pool, witness) = (impatient(1), Witness::default());
        let server = Server::axum(app(&pool, &witness)).await;
        let mut stalled = within(head_of(server.addr, path)).await;
        let next = within(client().get(server.url("/quick")).send())
            .await
            .unwrap();
        assert_eq!(next.status(), StatusCode::OK);
        assert_eq!(next.text().await.unwrap(), "Kevin");
        until(|| pool.stats().active == 0).await;
        assert_eq!((witness.now(), witness.peak()), (0, 1), "{path}");

        // Should it come back to its senses, it finds its response cut short.
        let mut rest = Vec::new();
        let _ = within(stalled.read_to_end(&mut rest)).await;
        assert!(rest.len() < LARGE);
    }
}

#[tokio::test]
async fn an_http2_client_that_grants_no_window_is_cut_off() {
    let (pool, witness) = (impatient(1), Witness::default());
    let server = Server::axum(app(&pool, &witness)).await;
    let socket = TcpStream::connect(server.addr).await.unwrap();
    let (mut client, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(0)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(socket))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get(server.url("/quick")).version(Version::HTTP_2);
    let request = request.body(Empty::new()).unwrap();
    let response = within(client.send_request(request)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(witness.all(), 1);
    until(|| pool.stats().active == 0).await;
    assert_eq!(witness.now(), 0, "five bytes, and no window for them");
    drop((response, client));
    connection.abort();
}

#[tokio::test]
async fn a_stream_with_nothing_to_send_is_not_cut_off() {
    let (pool, witness) = (impatient(2), Witness::default());
    let (events, receiver) = futures::channel::mpsc::unbounded::<Event>();
    let receiver = std::sync::Arc::new(std::sync::Mutex::new(Some(receiver)));
    let events_route = get(move || {
        let receiver = receiver.lock().unwrap().take().unwrap();
        async { Sse::new(receiver.map(Ok::<_, Infallible>)) }
    });
    let app = app(&pool, &witness).merge(
        Router::new()
            .route("/events", events_route)
            .layer(pool.layer()),
    );
    let server = Server::axum(app).await;
    let mut stream = within(client().get(server.url("/events")).send())
        .await
        .unwrap();

    // Others begin later, stall, and are cut off, again and again; it stays.
    for _ in 0..3 {
        let _stalled = within(head_of(server.addr, "/endless")).await;
        until(|| witness.now() == 0).await;
    }
    assert_eq!(pool.stats().active, 1);
    events.unbounded_send(Event::default().data("one")).unwrap();
    let event = within(stream.chunk()).await.unwrap().unwrap();
    assert_eq!(event, "data: one\n\n");
    drop(events);
    assert!(within(stream.chunk()).await.unwrap().is_none());
    until(|| pool.stats().active == 0).await;
}

#[tokio::test]
async fn head_204_and_304_over_a_socket_end_and_keep_their_headers() {
    let pool = pool(1, 0);
    let app = Router::new()
        .route("/200", get(|| async { "Kevin" }))
        .route("/204", get(|| async { StatusCode::NO_CONTENT }))
        .route("/304", get(|| async { StatusCode::NOT_MODIFIED }))
        .layer(pool.layer());
    let server = Server::axum(app).await;
    let client = client();
    // On one connection: each must be over when the next begins.
    for _ in 0..3 {
        let head = within(client.head(server.url("/200")).send())
            .await
            .unwrap();
        assert_eq!(head.headers()["content-length"], "5");
        until(|| pool.stats().active == 0).await;
        for (path, status) in [("/204", 204), ("/304", 304)] {
            let response = within(client.get(server.url(path)).send()).await.unwrap();
            assert_eq!(response.status(), status);
            until(|| pool.stats().active == 0).await;
        }
    }
    assert_eq!(pool.stats().admitted, Some(9));
}

#[tokio::test]
async fn a_refused_head_over_a_socket_has_the_length_and_no_body() {
    let pool = pool(0, 0);
    let app = Router::new()
        .route("/", get(|| async { "Kevin" }))
        .layer(pool.layer());
    let server = Server::axum(app).await;
    let client = client();
    for _ in 0..2 {
        let head = within(client.head(server.url("/")).send()).await.unwrap();
        assert_eq!(head.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(head.headers()["content-length"], "42");
        let full = within(client.get(server.url("/")).send()).await.unwrap();
        assert_eq!(full.headers()["content-length"], "42");
        assert_eq!(within(full.text()).await.unwrap().len(), 42);
    }
}

#[tokio::test]
async fn trailers_reach_an_http2_client() {
    let pool = pool(1, 0);
    let respond = get(|| async {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-sum", "5".parse().unwrap());
        let body = Full::<Bytes>::from("Kevin").with_trailers(async { Some(Ok(trailers)) });
        Response::new(Body::new(body))
    });
    let server = Server::axum(Router::new().route("/", respond).layer(pool.layer())).await;
    let socket = TcpStream::connect(server.addr).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get(server.url("/"))
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = within(client.send_request(request)).await.unwrap();
    let body = within(response.into_body().collect()).await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-sum"], "5");
    until(|| pool.stats().active == 0).await;
    connection.abort();
}
