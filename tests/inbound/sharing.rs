//! All that a pool makes shares one limit: routes, clones, connections, runtimes.
//!
//! Over sockets, and with more of each than the limit. How many are at work is counted by a
//! witness that knows of no pool.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Router, ServiceExt};
use bytes::Bytes;
use futures::future::join_all;
use http::StatusCode;
use meshpool::InboundPool;
use meshpool::inbound::{MaxPendingRequestsLayer, MaxRequestsLayer};
use tokio::sync::watch;
use tower::{Layer, ServiceBuilder};

use crate::support::{Server, Witness, client, pool, until, within};

const ROUTES: [&str; 3] = ["/a", "/b", "/c"];

/// What the handlers share: a witness, and the word that their bodies may end.
#[derive(Clone)]
struct Work {
    witness: Witness,
    finish: watch::Sender<bool>,
}

impl Work {
    fn new() -> Self {
        Self {
            witness: Witness::default(),
            finish: watch::Sender::new(false),
        }
    }
}

/// Sends its head at once, and its body when it is told to finish.
async fn work(State(work): State<Work>) -> Response {
    let at_work = work.witness.enter();
    let mut finish = work.finish.subscribe();
    Response::new(Body::from_stream(futures::stream::once(async move {
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

/// One request on a connection of its own.
async fn fetch(addr: SocketAddr, path: &str) -> reqwest::Response {
    let client = client();
    client
        .get(format!("http://{addr}{path}"))
        .send()
        .await
        .unwrap()
}

/// Sends two requests to each route of each server, which is to run two of them.
async fn two_run_and_the_others_are_refused(pool: &InboundPool, work: &Work, addrs: &[SocketAddr]) {
    let requests = addrs
        .iter()
        .flat_map(|addr| ROUTES.map(|path| (*addr, path)));
    let sent = requests
        .clone()
        .chain(requests)
        .map(|(addr, path)| fetch(addr, path));
    let responses = within(join_all(sent)).await;
    let (served, refused): (Vec<_>, Vec<_>) = responses
        .into_iter()
        .partition(|response| response.status() == StatusCode::OK);
    assert_eq!(served.len(), 2);
    for refused in refused {
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()["x-envoy-overloaded"], "true");
    }
    assert_eq!(
        (work.witness.now(), work.witness.all(), pool.stats().active),
        (2, 2, 2)
    );

    work.finish.send_replace(true);
    for served in served {
        assert_eq!(within(served.text()).await.unwrap(), "Kevin");
    }
    until(|| pool.stats().active == 0).await;
    assert_eq!((work.witness.now(), work.witness.peak()), (0, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_router_layer() {
    let (pool, work) = (pool(2, 0), Work::new());
    let app = routes().layer(pool.layer()).with_state(work.clone());
    let server = Server::axum(app).await;
    two_run_and_the_others_are_refused(&pool, &work, &[server.addr]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_router_route_layer() {
    let (pool, work) = (pool(2, 0), Work::new());
    let app = routes().route_layer(pool.layer()).with_state(work.clone());
    let server = Server::axum(app).await;
    two_run_and_the_others_are_refused(&pool, &work, &[server.addr]).await;
    let missing = within(fetch(server.addr, "/missing")).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(pool.stats().admitted, Some(2), "no route, no permit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_method_router_layer_of_each_route() {
    let (pool, work) = (pool(2, 0), Work::new());
    let app = ROUTES.into_iter().fold(Router::new(), |router, path| {
        router.route(path, get(crate::sharing::work).layer(pool.layer()))
    });
    let server = Server::axum(app.with_state(work.clone())).await;
    two_run_and_the_others_are_refused(&pool, &work, &[server.addr]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn around_the_router_under_plain_axum_serve() {
    let (pool, work) = (pool(2, 0), Work::new());
    let app = routes().with_state(work.clone());
    let app = pool.layer().map_body(Body::new).layer(app);
    let server = Server::run(|listener| async {
        let app = ServiceExt::<Request>::into_make_service(app);
        axum::serve(listener, app).await.unwrap();
    });
    let server = server.await;
    two_run_and_the_others_are_refused(&pool, &work, &[server.addr]).await;
}

#[tokio::test]
async fn across_runtimes() {
    let (pool, work) = (pool(2, 0), Work::new());
    let mut addrs = Vec::new();
    let mut threads = Vec::new();
    let (stop, _) = watch::channel(());
    for _ in 0..2 {
        let app = routes().layer(pool.layer()).with_state(work.clone());
        let (report, addr) = tokio::sync::oneshot::channel();
        let mut stopped = stop.subscribe();
        threads.push(std::thread::spawn(move || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_all().build().unwrap().block_on(async {
                let server = Server::axum(app).await;
                report.send(server.addr).unwrap();
                let _ = stopped.changed().await;
            });
        }));
        addrs.push(within(addr).await.unwrap());
    }
    two_run_and_the_others_are_refused(&pool, &work, &addrs).await;
    drop(stop);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_wait_run_two_at_a_time_in_the_end() {
    let (pool, work) = (pool(2, 4), Work::new());
    let app = routes().layer(pool.layer()).with_state(work.clone());
    let server = Server::axum(app).await;
    let addr = server.addr;
    let sent: Vec<_> = (0..6)
        .map(|n| tokio::spawn(fetch(addr, ROUTES[n % ROUTES.len()])))
        .collect();
    // Those that have a slot may not have come to their handler yet.
    until(|| pool.stats().pending == 4 && work.witness.now() == 2).await;
    assert_eq!(pool.stats().active, 2);
    let refused = within(fetch(addr, "/a")).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);

    work.finish.send_replace(true);
    for sent in sent {
        let served = within(sent).await.unwrap();
        assert_eq!(served.status(), StatusCode::OK);
        assert_eq!(within(served.text()).await.unwrap(), "Kevin");
    }
    assert_eq!((work.witness.peak(), work.witness.all()), (2, 6));
    until(|| pool.stats().active == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_single_purpose_layers_share_their_limits_as_well() {
    let work = Work::new();
    let requests = MaxRequestsLayer::new(2);
    // Both in one go: between two layers of its own a router is always ready.
    let both = ServiceBuilder::new()
        .layer(MaxPendingRequestsLayer::new(0))
        .layer(requests.clone());
    let app = routes().layer(both).with_state(work.clone());
    let server = Server::axum(app).await;
    two_run_and_the_others_are_refused(requests.pool(), &work, &[server.addr]).await;
}
