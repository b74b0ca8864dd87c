//! Connections in memory, so that time can be paused: a listener that is handed them.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use meshpool::inbound::Listener;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What [`accept`](tokio::net::TcpListener::accept) is to come to next.
pub(crate) type Next = io::Result<Accepted>;

pub(crate) struct Accepted {
    socket: DuplexStream,
    handshake: Duration,
}

#[derive(Debug)]
pub(crate) struct Memory(mpsc::UnboundedReceiver<Next>);

/// Connects to a [`Memory`].
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    listener: mpsc::UnboundedSender<Next>,
    buffer: usize,
}

pub(crate) fn listen() -> (Memory, Dial) {
    let (listener, accepted) = mpsc::unbounded_channel();
    let buffer = 64 * 1024;
    (Memory(accepted), Dial { listener, buffer })
}

impl Listener for Memory {
    type Io = TokioIo<DuplexStream>;
    type Addr = &'static str;
    type Handshake = Pin<Box<dyn Future<Output = io::Result<Self::Io>> + Send>>;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Handshake, &'static str)>> {
        match self.0.poll_recv(cx) {
            Poll::Ready(Some(next)) => Poll::Ready(next.map(|accepted| {
                let handshake: Self::Handshake = Box::pin(async move {
                    tokio::time::sleep(accepted.handshake).await;
                    Ok(TokioIo::new(accepted.socket))
                });
                (handshake, "memory")
            })),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

pub(crate) type Request = http::Request<Empty<Bytes>>;

pub(crate) fn request(path: &str) -> Request {
    http::Request::get(format!("http://user{path}"))
        .header("host", "user")
        .body(Empty::new())
        .unwrap()
}

impl Dial {
    /// How many bytes are under way before a write has to wait.
    pub(crate) fn buffer(mut self, buffer: usize) -> Self {
        self.buffer = buffer;
        self
    }

    pub(crate) fn socket(&self) -> DuplexStream {
        self.slow_socket(Duration::ZERO)
    }

    /// One whose handshake takes a while.
    pub(crate) fn slow_socket(&self, handshake: Duration) -> DuplexStream {
        let (socket, ours) = tokio::io::duplex(self.buffer);
        let _ = self.listener.send(Ok(Accepted { socket, handshake }));
        ours
    }

    pub(crate) fn error(&self, error: io::Error) {
        let _ = self.listener.send(Err(error));
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.listener.is_closed()
    }

    /// A hyper client, and its connection's end.
    pub(crate) async fn http1(
        &self,
    ) -> (
        http1::SendRequest<Empty<Bytes>>,
        JoinHandle<hyper::Result<()>>,
    ) {
        let io = TokioIo::new(self.socket());
        let (client, connection) = http1::handshake(io).await.unwrap();
        (client, tokio::spawn(connection))
    }

    pub(crate) async fn http2(
        &self,
    ) -> (
        http2::SendRequest<Empty<Bytes>>,
        JoinHandle<hyper::Result<()>>,
    ) {
        let io = TokioIo::new(self.socket());
        let (client, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        (client, tokio::spawn(connection))
    }
}
