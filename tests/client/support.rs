//! What the tests here share: a bound on everything that waits, requests, and the end of a test.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use meshpool::Limits;
use meshpool::limits::{Destination, Scheme};
use meshpool::outbound::destination::Stats;
use meshpool::outbound::{Builder, Client, Error, ErrorKind, ResponseBody, ResponseFuture};
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

/// A client of HTTP/1, or of HTTP/2 by prior knowledge.
pub(crate) fn builder(is_http2: bool) -> Builder {
    match is_http2 {
        true => Client::builder().http2_only(),
        false => Client::builder(),
    }
}

pub(crate) fn client(limits: Limits) -> Pool {
    builder(false).limits(limits).build(HttpConnector::new())
}

pub(crate) fn http2_client(limits: Limits) -> Pool {
    builder(true).limits(limits).build(HttpConnector::new())
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
