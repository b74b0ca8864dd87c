//! One limit for all routes and connections under our `serve`, wherever the layer goes. How many
//! are at work is counted by a witness that knows of no pool.

use std::convert::Infallible;
use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use futures::future::join_all;
use futures::stream;
use http::StatusCode;
use meshpool::inbound::{Serve, serve};
use meshpool::{InboundPool, Limits};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::Layer;

use crate::support::{bind, until, within};

const LIMIT: usize = 2;
const ROUTES: [&str; 3] = ["/a", "/b", "/c"];

/// A witness, and the word that bodies may end.
#[derive(Clone)]
struct Work {
    seen: Arc<Seen>,
    finish: watch::Sender<bool>,
}

#[derive(Default)]
struct Seen {
    now: AtomicUsize,
    peak: AtomicUsize,
}

/// A request at work: from its handler's first line until its body is dropped.
struct AtWork(Arc<Seen>);

impl AtWork {
    fn begin(seen: &Arc<Seen>) -> Self {
        let now = seen.now.fetch_add(1, SeqCst) + 1;
        seen.peak.fetch_max(now, SeqCst);
        Self(seen.clone())
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, SeqCst);
    }
}

impl Work {
    fn new() -> Self {
        Self {
            seen: Arc::default(),
            finish: watch::Sender::new(false),
        }
    }

    fn now_and_peak(&self) -> (usize, usize) {
        (self.seen.now.load(SeqCst), self.seen.peak.load(SeqCst))
    }
}

/// Sends its head at once, and its body when it is told to finish.
async fn work(State(work): State<Work>) -> Response {
    let at_work = AtWork::begin(&work.seen);
    let mut finish = work.finish.subscribe();
    Response::new(Body::from_stream(stream::once(async move {
        finish.wait_for(|finish| *finish).await.unwrap();
        drop(at_work);
        Ok::<_, Infallible>(Bytes::from_static(b"Kevin"))
    })))
}

fn routes() -> Router<Work> {
    ROUTES
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, get(work)))
}

fn limits(pending: Option<u32>) -> Limits {
    let limits = Limits::new().max_requests(LIMIT as u32);
    pending.map_or(limits, |pending| limits.max_pending_requests(pending))
}

/// For each route two clients with a connection each: one of HTTP/1, one of HTTP/2.
fn clients() -> Vec<(reqwest::Client, &'static str)> {
    ROUTES
        .into_iter()
        .flat_map(|path| {
            let builder = || reqwest::Client::builder().no_proxy();
            [builder().http1_only(), builder().http2_prior_knowledge()]
                .map(|client| (client.build().unwrap(), path))
        })
        .collect()
}

/// Serves more connections than the limit, and sees two requests run at once: while the others are
/// refused, and while they wait.
async fn two_run_at_once<A>(pool: InboundPool, work: Work, app: A)
where
    Serve<TcpListener, A>: IntoFuture<Output = (), IntoFuture: Send + 'static>,
{
    let (listener, addr) = bind().await;
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    let server = serve(listener, app)
        .pool(&pool)
        .connect_info(move |_, _| _ = counter.fetch_add(1, SeqCst));
    tokio::spawn(server.into_future());
    let url = |path: &str| format!("http://{addr}{path}");

    let clients = clients();
    let sent = clients
        .iter()
        .map(|(client, path)| client.get(url(path)).send());
    let (served, refused): (Vec<_>, Vec<_>) = within(join_all(sent))
        .await
        .into_iter()
        .map(Result::unwrap)
        .partition(|response| response.status() == StatusCode::OK);
    assert_eq!(connections.load(SeqCst), clients.len());
    assert_eq!(work.now_and_peak(), (LIMIT, LIMIT));
    assert_eq!(served.len(), LIMIT);
    for response in refused {
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    work.finish.send_replace(true);
    for response in served {
        assert_eq!(within(response.text()).await.unwrap(), "Kevin");
    }

    // Now nobody is refused, and whoever is not among the first two waits.
    work.finish.send_replace(false);
    pool.update(limits(None));
    let waiting = clients.len() - LIMIT;
    let sent: Vec<_> = clients
        .into_iter()
        .map(|(client, path)| tokio::spawn(client.get(url(path)).send()))
        .collect();
    until(|| pool.stats().pending as usize == waiting && work.now_and_peak().0 == LIMIT).await;
    work.finish.send_replace(true);
    for response in sent {
        let response = within(response).await.unwrap().unwrap();
        assert_eq!(within(response.text()).await.unwrap(), "Kevin");
    }
    until(|| pool.stats().active == 0).await;
    assert_eq!(work.now_and_peak(), (0, LIMIT));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_router_layer() {
    let (pool, work) = (InboundPool::new(limits(Some(0))), Work::new());
    let app = routes().layer(pool.layer()).with_state(work.clone());
    two_run_at_once(pool, work, app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_router_route_layer() {
    let (pool, work) = (InboundPool::new(limits(Some(0))), Work::new());
    let app = routes().route_layer(pool.layer()).with_state(work.clone());
    two_run_at_once(pool, work, app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_method_router_layer_of_each_route() {
    let (pool, work) = (InboundPool::new(limits(Some(0))), Work::new());
    let app = ROUTES.into_iter().fold(Router::new(), |router, path| {
        router.route(path, get(crate::sharing::work).layer(pool.layer()))
    });
    let app = app.with_state(work.clone());
    two_run_at_once(pool, work, app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn around_the_router() {
    let (pool, work) = (InboundPool::new(limits(Some(0))), Work::new());
    let app = pool.layer().layer(routes().with_state(work.clone()));
    two_run_at_once(pool, work, app).await;
}
