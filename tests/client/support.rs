//! What the tests here share: a bound on everything that waits, requests, and the end of a test.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use meshpool::Limits;
use meshpool::limits::{Destination, Scheme};
use meshpool::outbound::destination::Stats;
use meshpool::outbound::{Client, Error, ErrorKind, ResponseBody, ResponseFuture};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tower::Service;

pub(crate) type Pool = Client<Full<Bytes>>;

/// Fails rather than hangs. Nothing here asserts how fast anything is.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(30), future)
        .await
        .expect("it should have come to an end long ago")
}

/// Waits until it is so.
pub(crate) async fn until(mut so: impl FnMut() -> bool) {
    within(async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

pub(crate) fn client(limits: Limits) -> Pool {
    Client::builder().limits(limits).build(HttpConnector::new())
}

pub(crate) fn http2_client(limits: Limits) -> Pool {
    Client::builder()
        .limits(limits)
        .http2_only()
        .build(HttpConnector::new())
}

/// A client whose own sockets are counted. An upstream may hear of the end of one later than of
/// the next.
pub(crate) fn counted_client(limits: Limits) -> (Pool, Arc<Sockets>) {
    let sockets = Arc::new(Sockets::default());
    let connector = Counting {
        inner: HttpConnector::new(),
        sockets: sockets.clone(),
    };
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
struct Counting {
    inner: HttpConnector,
    sockets: Arc<Sockets>,
}

/// One socket, or the attempt at one.
struct Counted(Arc<Sockets>);

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

struct CountedConnection {
    inner: TokioIo<TcpStream>,
    // Dropped after the socket.
    _counted: Counted,
}

impl Service<Uri> for Counting {
    type Response = CountedConnection;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = BoxFuture<'static, Result<CountedConnection, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<Uri>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let counted = Counted::new(self.sockets.clone());
        let connecting = self.inner.call(uri);
        Box::pin(async move {
            Ok(CountedConnection {
                inner: connecting.await?,
                _counted: counted,
            })
        })
    }
}

impl Connection for CountedConnection {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}

impl Read for CountedConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl Write for CountedConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

pub(crate) fn request(addr: SocketAddr, path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("http://{addr}{path}"))
        .body(Full::default())
        .unwrap()
}

/// A GET, decided now and sent when polled.
pub(crate) fn get(client: &Pool, addr: SocketAddr, path: &str) -> ResponseFuture {
    client.clone().call(request(addr, path))
}

/// A GET in the background, and what came of it: the text, or what kind of error.
pub(crate) fn spawn(
    client: &Pool,
    addr: SocketAddr,
    path: &str,
) -> JoinHandle<Result<String, Error>> {
    let response = get(client, addr, path);
    tokio::spawn(async move { text(response.await?).await })
}

pub(crate) async fn text(response: Response<ResponseBody>) -> Result<String, Error> {
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

/// The outcome of a request in the background.
pub(crate) async fn outcome(task: JoinHandle<Result<String, Error>>) -> Result<String, ErrorKind> {
    let outcome = within(task).await.expect("no panic");
    outcome.map_err(|error| error.kind())
}

pub(crate) fn destination(addr: SocketAddr) -> Destination {
    Destination::new(Scheme::Http, &addr.ip().to_string(), addr.port())
}

pub(crate) fn stats(client: &Pool, addr: SocketAddr) -> Stats {
    client.stats(&destination(addr)).expect("a pool")
}

/// Waits until so many requests are active and so many pend.
pub(crate) async fn until_load(client: &Pool, addr: SocketAddr, active: u32, pending: u32) {
    until(|| {
        let stats = stats(client, addr);
        (stats.rq_active, stats.rq_pending_active) == (active, pending)
    })
    .await;
}

/// At the end of a test nothing is left in any pool but idle connections; and once the client is
/// closed, nothing at all.
pub(crate) async fn nothing_is_left(client: &Pool) {
    let load = |stats: &Stats| stats.rq_active + stats.rq_pending_active + stats.retries_active;
    let all = || {
        client
            .destinations()
            .into_iter()
            .filter_map(|it| client.stats(&it))
    };
    until(|| all().all(|stats| load(&stats) == 0)).await;
    client.close();
    within(client.idle()).await;
    for stats in all() {
        assert_eq!((load(&stats), stats.cx_active), (0, 0), "{stats:?}");
        let counters = stats.counters;
        assert_eq!(counters.cx_total, counters.cx_destroy, "{stats:?}");
    }
}
