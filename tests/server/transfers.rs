//! Sockets under a connection: what they buffer, what they take slowly, what they never stop sending.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use meshpool::InboundPool;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Sleep, sleep};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn app() -> Router {
    Router::new().route("/user", get(|| async { "Kevin" }))
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
