//! What the tests here share: services and bodies that are told what to do, and a witness that
//! counts outside of any pool.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures::task::AtomicWaker;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;
use meshpool::{InboundPool, Limits};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tower::{Service, service_fn};

pub(crate) fn limits(requests: u32, pending: u32) -> Limits {
    Limits::new()
        .max_requests(requests)
        .max_pending_requests(pending)
}

pub(crate) fn pool(requests: u32, pending: u32) -> InboundPool {
    InboundPool::new(limits(requests, pending))
}

pub(crate) fn request() -> Request<Body> {
    Request::new(Body::empty())
}

pub(crate) fn request_to(path: &str) -> Request<Body> {
    Request::builder().uri(path).body(Body::empty()).unwrap()
}

pub(crate) async fn kevin(_: Request<Body>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from("Kevin")))
}

/// A service that answers its first request with that body.
pub(crate) fn once<B>(
    body: B,
) -> impl Service<
    Request<Body>,
    Response = Response<B>,
    Error = Infallible,
    Future = Ready<Result<Response<B>, Infallible>>,
> + Clone {
    let body = Arc::new(Mutex::new(Some(body)));
    service_fn(move |_: Request<Body>| {
        let body = body.lock().unwrap().take().expect("one request");
        ready(Ok(Response::new(body)))
    })
}

/// Fails, loudly, if it takes longer than anything here should. For tests over sockets.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .expect("took longer than a minute")
}

/// Waits until something that no event tells of is so.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    within(async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

// === Servers and clients ===

/// A client with connections of its own, whatever the environment says of proxies.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A server on loopback, which ends with this.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    _task: AbortOnDrop,
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Server {
    /// Runs what `serve` makes of a listener.
    pub(crate) async fn run<F>(serve: impl FnOnce(TcpListener) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        Self {
            addr,
            _task: AbortOnDrop(tokio::spawn(serve(listener))),
        }
    }

    /// Plain `axum::serve`.
    pub(crate) async fn axum(app: Router) -> Self {
        Self::run(|listener| async { axum::serve(listener, app).await.unwrap() }).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }
}

// === Services ===

/// A service that minds Tower's contract: a clone is not ready, and a call needs readiness.
#[derive(Debug)]
pub(crate) struct Strict<S> {
    inner: S,
    gate: Arc<Gate>,
    ready: bool,
}

/// Whether [`Strict`] services become ready.
#[derive(Debug)]
pub(crate) struct Gate {
    open: AtomicBool,
    waker: AtomicWaker,
    calls: AtomicUsize,
}

impl Gate {
    pub(crate) fn set_open(&self, open: bool) {
        self.open.store(open, SeqCst);
        self.waker.wake();
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }
}

impl<S> Strict<S> {
    pub(crate) fn new(inner: S) -> Self {
        let gate = Gate {
            open: AtomicBool::new(true),
            waker: AtomicWaker::new(),
            calls: AtomicUsize::new(0),
        };
        Self {
            inner,
            gate: Arc::new(gate),
            ready: false,
        }
    }

    pub(crate) fn gate(&self) -> Arc<Gate> {
        self.gate.clone()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready
    }
}

impl<S: Clone> Clone for Strict<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            gate: self.gate.clone(),
            ready: false,
        }
    }
}

impl<S: Service<R>, R> Service<R> for Strict<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.gate.waker.register(cx.waker());
        if !self.gate.open.load(SeqCst) {
            return Poll::Pending;
        }
        let ready = self.inner.poll_ready(cx);
        self.ready = matches!(ready, Poll::Ready(Ok(())));
        ready
    }

    fn call(&mut self, request: R) -> S::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being ready"
        );
        self.gate.calls.fetch_add(1, SeqCst);
        self.inner.call(request)
    }
}

/// Readiness in one step, for services that are ready at once.
pub(crate) trait CallReady: Service<Request<Body>> {
    fn poll_ready_now(&mut self);

    fn call_ready(&mut self) -> Self::Future {
        self.poll_ready_now();
        self.call(request())
    }
}

impl<S: Service<Request<Body>>> CallReady for S {
    fn poll_ready_now(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        let ready = self.poll_ready(&mut cx);
        assert!(matches!(ready, Poll::Ready(Ok(()))), "not ready");
    }
}

// === Bodies ===

/// A body whose frames the test sends.
pub(crate) struct Piped<G = ()> {
    frames: mpsc::UnboundedReceiver<Result<Frame<Bytes>, PipeBroken>>,
    _guard: G,
}

pub(crate) type Pipe = mpsc::UnboundedSender<Result<Frame<Bytes>, PipeBroken>>;

#[derive(Debug, PartialEq)]
pub(crate) struct PipeBroken;

impl std::fmt::Display for PipeBroken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("pipe broken")
    }
}

impl std::error::Error for PipeBroken {}

pub(crate) fn piped() -> (Pipe, Piped) {
    piped_with(())
}

/// A body that holds on to `guard` until it is dropped.
pub(crate) fn piped_with<G>(guard: G) -> (Pipe, Piped<G>) {
    let (pipe, frames) = mpsc::unbounded_channel();
    let body = Piped {
        frames,
        _guard: guard,
    };
    (pipe, body)
}

pub(crate) fn data(text: &'static str) -> Result<Frame<Bytes>, PipeBroken> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

impl<G: Unpin> HttpBody for Piped<G> {
    type Data = Bytes;
    type Error = PipeBroken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PipeBroken>>> {
        self.frames.poll_recv(cx)
    }
}

/// A body that holds on to `guard` until it is dropped.
pub(crate) struct Guarded<B, G> {
    body: B,
    _guard: G,
}

impl<B, G> Guarded<B, G> {
    pub(crate) fn new(body: B, guard: G) -> Self {
        Self {
            body,
            _guard: guard,
        }
    }
}

impl<B: HttpBody + Unpin, G: Unpin> HttpBody for Guarded<B, G> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Runs a closure when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

// === The witness ===

/// Counts how many requests are at work, and no pool is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    now: AtomicUsize,
    peak: AtomicUsize,
    all: AtomicUsize,
}

/// A request at work: from its handler's first line until its body is dropped.
#[derive(Debug)]
pub(crate) struct AtWork(Arc<Counts>);

impl Witness {
    pub(crate) fn enter(&self) -> AtWork {
        let now = self.0.now.fetch_add(1, SeqCst) + 1;
        self.0.peak.fetch_max(now, SeqCst);
        self.0.all.fetch_add(1, SeqCst);
        AtWork(self.0.clone())
    }

    pub(crate) fn now(&self) -> usize {
        self.0.now.load(SeqCst)
    }

    pub(crate) fn peak(&self) -> usize {
        self.0.peak.load(SeqCst)
    }

    pub(crate) fn all(&self) -> usize {
        self.0.all.load(SeqCst)
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, SeqCst);
    }
}
