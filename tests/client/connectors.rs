//! Connectors of the tests: one that counts its sockets, and one whose connections lie within the
//! process, where nothing happens but what a test does.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use meshpool::Limits;
use meshpool::outbound::{Builder, Client};
use tokio::io::{AsyncRead, AsyncReadExt, DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tower::Service;

use crate::link::Link;
use crate::support::{Pool, within};

/// A client whose own sockets are counted. An upstream may hear of the end of one later than of
/// the next.
pub(crate) fn counted_client(limits: Limits) -> (Pool, Arc<Sockets>) {
    let (connector, sockets) = Counting::new();
    (Client::builder().limits(limits).build(connector), sockets)
}

#[derive(Default)]
pub(crate) struct Sockets {
    open: AtomicUsize,
    most: AtomicUsize,
}

impl Sockets {
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[derive(Clone)]
pub(crate) struct Counting {
    inner: HttpConnector,
    sockets: Arc<Sockets>,
}

/// One socket, or the attempt at one.
pub(crate) struct Counted(Arc<Sockets>);

impl Counting {
    pub(crate) fn new() -> (Self, Arc<Sockets>) {
        let sockets = Arc::new(Sockets::default());
        let inner = HttpConnector::new();
        let counting = Self {
            inner,
            sockets: sockets.clone(),
        };
        (counting, sockets)
    }
}

impl Counted {
    fn new(sockets: Arc<Sockets>) -> Self {
        let open = sockets.open.fetch_add(1, Ordering::SeqCst) + 1;
        sockets.most.fetch_max(open, Ordering::SeqCst);
        Self(sockets)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Service<Uri> for Counting {
    type Response = Link<TcpStream, Counted>;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<Uri>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let counted = Counted::new(self.sockets.clone());
        let connecting = self.inner.call(uri);
        Box::pin(async move { Ok(Link::new(connecting.await?, counted)) })
    }
}

/// Hands each connect to the test, which decides when and how it ends.
#[derive(Clone)]
pub(crate) struct Gated(mpsc::UnboundedSender<Connect>);

/// The connects of a client, in their order.
pub(crate) struct Connects(mpsc::UnboundedReceiver<Connect>);

/// A connect that is under way.
pub(crate) struct Connect(oneshot::Sender<io::Result<DuplexStream>>);

/// An address at which nobody listens, as good as any where connections lead to the test.
pub(crate) fn anywhere() -> SocketAddr {
    "127.0.0.1:1".parse().unwrap()
}

/// The head of a request.
pub(crate) async fn read_head(server: &mut (impl AsyncRead + Unpin)) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(within(server.read_u8()).await.unwrap());
    }
    String::from_utf8(read).unwrap()
}

/// A client whose connections lead to the test.
pub(crate) fn gated(builder: Builder) -> (Pool, Connects) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (builder.build(Gated(sender)), Connects(receiver))
}

impl Connects {
    pub(crate) async fn next(&mut self) -> Connect {
        within(self.0.recv()).await.expect("the client is there")
    }

    /// The next, which succeeds: returns the server's end.
    pub(crate) async fn accept(&mut self) -> DuplexStream {
        self.next().await.accept()
    }

    pub(crate) fn has_more(&self) -> bool {
        !self.0.is_empty()
    }
}

impl Connect {
    pub(crate) fn accept(self) -> DuplexStream {
        let (client, server) = duplex(1 << 16);
        self.answer(Ok(client));
        server
    }

    pub(crate) fn fail(self, error: io::Error) {
        self.answer(Err(error));
    }

    /// With whatever connection that is.
    pub(crate) fn answer(self, connection: io::Result<DuplexStream>) {
        // It may have been given up.
        let _ = self.0.send(connection);
    }

    /// Waits until it is given up.
    pub(crate) async fn given_up(mut self) {
        within(self.0.closed()).await;
    }
}

impl Service<Uri> for Gated {
    type Response = Link<DuplexStream>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let (answer, answered) = oneshot::channel();
        let asked = self.0.send(Connect(answer));
        Box::pin(async move {
            asked.map_err(|_| io::ErrorKind::ConnectionRefused)?;
            let connection = answered
                .await
                .map_err(|_| io::ErrorKind::ConnectionRefused)?;
            Ok(Link::new(TokioIo::new(connection?), ()))
        })
    }
}
