//! `watch` around each kind of connection, driven by an accept loop that is not ours.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::WebSocketUpgrade;
use axum::routing::{any, get};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use meshpool::inbound::watch::{ConnectionIo, ConnectionService, WatchError};
use meshpool::inbound::{WatchedConnection, Watcher};
use meshpool::{InboundPool, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::{JoinHandle, consume_budget};
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;

type Io = ConnectionIo<TokioIo<DuplexStream>>;
type Service = ConnectionService<TowerToHyperService<Router>>;
/// How a connection ended, without its error.
type End = Result<(), WatchError<()>>;

fn app() -> Router {
    Router::new()
        .route("/user", get(|| async { "Kevin" }))
        .route(
            "/slow",
            get(|| async {
                sleep(Duration::from_secs(100)).await;
                "slow"
            }),
        )
        .route("/big", get(|| async { vec![b'x'; 20_000] }))
        .route(
            "/never",
            get(|| async {
                Body::from_stream(futures::stream::pending::<std::io::Result<&str>>())
            }),
        )
        .route(
            "/chat",
            any(async |upgrade: WebSocketUpgrade| {
                upgrade.on_upgrade(async |mut socket| while socket.recv().await.is_some() {})
            }),
        )
}

async fn end<E>(watch: impl Future<Output = Result<(), WatchError<E>>>) -> End {
    watch.await.map_err(|error| match error {
        WatchError::Connection(_) => WatchError::Connection(()),
        WatchError::GraceExpired => WatchError::GraceExpired,
        WatchError::Stalled(timeout) => WatchError::Stalled(timeout),
        other => panic!("{}", matches!(other, WatchError::Connection(_))),
    })
}

/// The kinds of connections.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Http1,
    Http1Upgradeable,
    Http2,
    Auto,
    AutoUpgradeable,
}

const HTTP1: [Kind; 4] = [
    Kind::Http1,
    Kind::Http1Upgradeable,
    Kind::Auto,
    Kind::AutoUpgradeable,
];
const HTTP2: [Kind; 3] = [Kind::Http2, Kind::Auto, Kind::AutoUpgradeable];

impl Kind {
    async fn serve(self, connection: WatchedConnection, io: Io, service: Service) -> End {
        let auto = auto::Builder::new(TokioExecutor::new());
        match self {
            Self::Http1 => {
                let http = http1::Builder::new().serve_connection(io, service);
                end(connection.watch(http)).await
            }
            Self::Http1Upgradeable => {
                let http = http1::Builder::new().serve_connection(io, service);
                end(connection.watch(http.with_upgrades())).await
            }
            Self::Http2 => {
                let http = http2::Builder::new(TokioExecutor::new()).serve_connection(io, service);
                end(connection.watch(http)).await
            }
            Self::Auto => end(connection.watch(auto.serve_connection(io, service))).await,
            Self::AutoUpgradeable => {
                let http = auto.serve_connection_with_upgrades(io, service);
                end(connection.watch(http)).await
            }
        }
    }

    /// Opens a connection of this kind.
    fn open(self, watcher: &Watcher, buffer: usize) -> (DuplexStream, JoinHandle<End>) {
        let (socket, ours) = tokio::io::duplex(buffer);
        let connection = watcher.connection();
        let io = connection.io(TokioIo::new(socket));
        let service = connection.service(TowerToHyperService::new(app()));
        (ours, tokio::spawn(self.serve(connection, io, service)))
    }
}

fn request(path: &str) -> http::Request<Empty<Bytes>> {
    http::Request::get(format!("http://user{path}"))
        .header("host", "user")
        .body(Empty::new())
        .unwrap()
}

async fn http1_client(
    socket: DuplexStream,
) -> hyper::client::conn::http1::SendRequest<Empty<Bytes>> {
    let (client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

async fn http2_client(
    socket: DuplexStream,
) -> hyper::client::conn::http2::SendRequest<Empty<Bytes>> {
    let io = TokioIo::new(socket);
    let (client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

fn pool(requests: u32) -> InboundPool {
    InboundPool::new(Limits::new().max_requests_per_connection(requests))
}

#[tokio::test(start_paused = true)]
async fn http1_closes_after_n_requests_on_every_kind() {
    let watcher = pool(3).watcher();
    for kind in HTTP1 {
        let (socket, ended) = kind.open(&watcher, 64 * 1024);
        let mut client = http1_client(socket).await;
        for n in 1..=3 {
            let response = client.send_request(request("/user")).await.unwrap();
            let closes = response.headers().contains_key("connection");
            assert_eq!(closes, n == 3, "{kind:?}");
            assert_eq!(response.collect().await.unwrap().to_bytes(), "Kevin");
        }
        ended.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn http2_goes_away_after_n_streams_on_every_kind() {
    let watcher = pool(3).watcher();
    for kind in HTTP2 {
        let (socket, ended) = kind.open(&watcher, 64 * 1024);
        let mut client = http2_client(socket).await;
        for _ in 0..3 {
            let response = client.send_request(request("/user")).await.unwrap();
            assert_eq!(response.collect().await.unwrap().to_bytes(), "Kevin");
        }
        ended.await.unwrap().unwrap();
        assert!(client.send_request(request("/user")).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn shut_down_retires_every_kind_and_serves_what_is_active() {
    let watcher = pool(100).watcher().grace(None);
    let mut ends = Vec::new();
    let mut responses = Vec::new();
    for kind in HTTP1 {
        let (socket, ended) = kind.open(&watcher, 64 * 1024);
        let mut client = http1_client(socket).await;
        responses.push(tokio::spawn(client.send_request(request("/slow"))));
        ends.push(ended);
    }
    for kind in HTTP2 {
        let (socket, ended) = kind.open(&watcher, 64 * 1024);
        let mut client = http2_client(socket).await;
        responses.push(tokio::spawn(client.send_request(request("/slow"))));
        ends.push(ended);
    }
    sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    watcher.shut_down();
    assert!(watcher.is_shut_down());
    for response in responses {
        let response = response.await.unwrap().unwrap();
        assert_eq!(response.collect().await.unwrap().to_bytes(), "slow");
    }
    watcher.closed().await;
    assert_eq!(began.elapsed().as_secs(), 99);
    for ended in ends {
        ended.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn shut_down_reaches_a_connection_whose_first_poll_had_no_budget_left() {
    let pool = pool(100);
    let watcher = pool.watcher();
    let (socket, mut ours) = tokio::io::duplex(1024);
    let connection = watcher.connection();
    let io = connection.io(TokioIo::new(socket));
    let service = connection.service(TowerToHyperService::new(app()));
    let ended = tokio::spawn(async move {
        let mut watch = pin!(Kind::Http1.serve(connection, io, service));
        let mut spent = false;
        poll_fn(|cx| {
            if !spent {
                while pin!(consume_budget()).poll(cx).is_ready() {}
                spent = true;
            }
            watch.as_mut().poll(cx)
        })
        .await
    });
    sleep(Duration::from_secs(1)).await;
    watcher.shut_down();
    let read = timeout(Duration::from_secs(1), ours.read(&mut [0; 1])).await;
    assert_eq!(read.expect("it is told of the shutdown").unwrap(), 0);
    drop(ours);
    ended.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_comes_after_the_shutdown_is_retired_at_once() {
    let watcher = pool(100).watcher();
    watcher.shut_down();
    let (mut socket, ended) = Kind::Http1.open(&watcher, 1024);
    assert_eq!(socket.read(&mut [0; 1]).await.unwrap(), 0);
    drop(socket);
    ended.await.unwrap().unwrap();
    watcher.closed().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_closed_within_the_grace_period_is_dropped() {
    let watcher = pool(100).watcher().grace(Duration::from_secs(7));
    let (socket, ended1) = Kind::Http1.open(&watcher, 64 * 1024);
    let mut client1 = http1_client(socket).await;
    let (socket, ended2) = Kind::Http2.open(&watcher, 64 * 1024);
    let mut client2 = http2_client(socket).await;
    let one = client1.send_request(request("/never")).await.unwrap();
    let two = client2.send_request(request("/never")).await.unwrap();
    let began = Instant::now();
    watcher.shut_down();
    for ended in [ended1, ended2] {
        let ended = ended.await.unwrap();
        assert!(matches!(ended, Err(WatchError::GraceExpired)), "{ended:?}");
        assert_eq!(began.elapsed().as_secs(), 7);
    }
    for response in [one, two] {
        assert!(response.into_body().frame().await.unwrap().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_retired_connection_that_breaks_with_a_request_active_has_failed() {
    let watcher = pool(100).watcher();
    let (mut socket, ended) = Kind::Http1.open(&watcher, 1024);
    let get = b"GET /slow HTTP/1.1\r\nhost: user\r\n\r\n";
    socket.write_all(get).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    watcher.shut_down();
    sleep(Duration::from_secs(1)).await;
    drop(socket);
    let ended = ended.await.unwrap();
    assert!(
        matches!(ended, Err(WatchError::Connection(()))),
        "{ended:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_told_from_others() {
    let pool = InboundPool::builder()
        .stall_timeout(Duration::from_secs(9))
        .build();
    let (mut socket, ended) = Kind::Http1.open(&pool.watcher(), 1000);
    let get = b"GET /big HTTP/1.1\r\nhost: user\r\n\r\n";
    socket.write_all(get).await.unwrap();
    let ended = ended.await.unwrap();
    assert!(matches!(ended, Err(WatchError::Stalled(_))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_ends_the_watch_and_leaves_the_socket() {
    let watcher = pool(1).watcher();
    for kind in [Kind::Http1Upgradeable, Kind::AutoUpgradeable] {
        let (socket, ended) = kind.open(&watcher, 64 * 1024);
        let (mut socket, _) = tokio_tungstenite::client_async("ws://user/chat", socket)
            .await
            .unwrap();
        ended.await.unwrap().unwrap();
        watcher.closed().await;
        socket.close(None).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_watch_drops_the_connection() {
    let watcher = pool(100).watcher();
    let (mut socket, ended) = Kind::Auto.open(&watcher, 1024);
    sleep(Duration::from_secs(1)).await;
    ended.abort();
    assert_eq!(socket.read(&mut [0; 1]).await.unwrap(), 0);
    watcher.closed().await;
}

#[tokio::test(start_paused = true)]
async fn changed_limits_outlive_the_pool_handle_that_set_them() {
    let pool = pool(100);
    let watcher = pool.watcher();
    let (socket, ended) = Kind::Http2.open(&watcher, 64 * 1024);
    let mut client = http2_client(socket).await;
    client.send_request(request("/user")).await.unwrap();
    pool.update(Limits::new().max_requests_per_connection(2));
    drop(pool);
    client.send_request(request("/user")).await.unwrap();
    ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_tower_service_is_counted_likewise() {
    let watcher = pool(1).watcher();
    let connection = watcher.connection();
    let service = connection.service(app());
    let response = service.oneshot(request("/user")).await.unwrap();
    assert_eq!(response.headers()["connection"], "close");
}
