//! Sockets under a connection: what they buffer, what they take slowly, what they never stop sending.

use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http_body_util::BodyExt;
use hyper::client::conn::http2;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use meshpool::inbound::serve;
use meshpool::{InboundPool, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, Sleep, sleep};

use crate::memory::{self, Dial, request};

/// The length of a body of one chunk.
const LARGE: usize = 1_000_000;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn app() -> Router {
    Router::new()
        .route("/user", get(|| async { "Kevin" }))
        .route("/large", get(|| async { vec![b'x'; LARGE] }))
}

/// Takes a second for its first flush, as TLS may.
struct Buffering {
    io: TokioIo<DuplexStream>,
    flushed: Pin<Box<Sleep>>,
    wrote: bool,
}

impl Read for Buffering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Buffering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.wrote = true;
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.wrote {
            ready!(self.flushed.as_mut().poll(cx));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_waited_and_was_done_is_no_stall() {
    let pool = InboundPool::builder().stall_timeout(secs(9)).build();
    let connection = pool.watcher().connection();
    let (socket, mut client) = tokio::io::duplex(1024);
    let io = connection.io(Buffering {
        io: TokioIo::new(socket),
        flushed: Box::pin(sleep(secs(1))),
        wrote: false,
    });
    let service = connection.service(TowerToHyperService::new(app()));
    let http = http1::Builder::new().serve_connection(io, service);
    let ended = tokio::spawn(connection.watch(http));
    for _ in 0..2 {
        let get = b"GET /user HTTP/1.1\r\nhost: user\r\n\r\n";
        client.write_all(get).await.unwrap();
        assert!(client.read(&mut [0; 1024]).await.unwrap() > 0);
        sleep(secs(100)).await;
        assert!(!ended.is_finished(), "idle is not stalled");
    }
    drop(client);
    ended.await.unwrap().unwrap();
}

/// Serves with these limits and five seconds of grace.
fn server(limits: Limits) -> Dial {
    let pool = InboundPool::new(limits);
    let (listener, dial) = memory::listen();
    let server = serve(listener, app()).pool(&pool).grace(secs(5));
    tokio::spawn(server.into_future());
    dial
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_read_slowly_is_not_idle_on_http1() {
    let dial = server(Limits::new().idle_timeout(secs(10)));
    let mut client = dial.buffer(1000).socket();
    let get = b"GET /large HTTP/1.1\r\nhost: user\r\n\r\n";
    client.write_all(get).await.unwrap();
    let began = Instant::now();
    let mut read = 0;
    let mut buf = vec![0; 20_000];
    while read < LARGE {
        sleep(secs(1)).await;
        client
            .read_exact(&mut buf)
            .await
            .expect("it is not cut off");
        read += buf.len();
    }
    assert!(began.elapsed() > secs(45));
    // The rest of it, and then it is idle.
    client.read_to_end(&mut buf).await.unwrap();
    assert!((60..=62).contains(&began.elapsed().as_secs()), "{began:?}");
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_read_slowly_is_not_idle_on_http2() {
    let idle = Limits::new().idle_timeout(secs(10));
    let count = Limits::new().max_requests_per_connection(1);
    for limits in [idle, count] {
        let io = TokioIo::new(server(limits).socket());
        let (mut client, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(65_535)
            .handshake(io)
            .await
            .unwrap();
        tokio::spawn(connection);
        let response = client.send_request(request("/large")).await.unwrap();
        let began = Instant::now();
        let mut body = response.into_body();
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            read += frame.expect("it is not cut off").into_data().unwrap().len();
            sleep(secs(1)).await;
        }
        assert_eq!(read, LARGE);
        assert!(began.elapsed() > secs(45));
    }
}

#[tokio::test(start_paused = true)]
async fn an_http2_client_that_only_pings_is_idle() {
    let dial = server(Limits::new().idle_timeout(secs(10)));
    let opened = Instant::now();
    let io = TokioIo::new(dial.socket());
    let (_client, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(hyper_util::rt::TokioTimer::new())
        .keep_alive_interval(secs(3))
        .keep_alive_while_idle(true)
        .handshake::<_, http_body_util::Empty<bytes::Bytes>>(io)
        .await
        .unwrap();
    connection.await.unwrap();
    assert_eq!(opened.elapsed().as_secs(), 10);
}
