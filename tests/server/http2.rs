//! GOAWAY and REFUSED_STREAM, as the `h2` crate's client sees them.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use h2::Reason;
use h2::client::{ResponseFuture, SendRequest};
use meshpool::inbound::{Serve, serve};
use meshpool::{InboundPool, Limits};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::support::{bind, within};

/// A server whose `/gated` answers once the gate lets it.
struct Gated {
    pool: InboundPool,
    addr: SocketAddr,
    gate: Arc<Semaphore>,
    served: Arc<AtomicUsize>,
}

async fn gated(
    limits: Limits,
    configure: impl FnOnce(Serve<TcpListener, Router>) -> Serve<TcpListener, Router>,
) -> Gated {
    let pool = InboundPool::new(limits);
    let gate = Arc::new(Semaphore::new(0));
    let served = Arc::new(AtomicUsize::new(0));
    let (opened, counted) = (gate.clone(), served.clone());
    let app = Router::new()
        .route("/user", get(|| async { "Kevin" }))
        .route(
            "/gated",
            get(move || async move {
                counted.fetch_add(1, Ordering::Relaxed);
                opened.acquire().await.unwrap().forget();
                "Kevin"
            }),
        );
    let (listener, addr) = bind().await;
    tokio::spawn(configure(serve(listener, app).pool(&pool)).into_future());
    Gated {
        pool,
        addr,
        gate,
        served,
    }
}

type Client = (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>);

async fn connect(addr: SocketAddr) -> Client {
    let socket = TcpStream::connect(addr).await.unwrap();
    let (client, connection) = within(h2::client::handshake(socket)).await.unwrap();
    (client, tokio::spawn(connection))
}

fn send(client: &mut SendRequest<Bytes>, path: &str) -> ResponseFuture {
    let request = http::Request::get(format!("http://user{path}"))
        .body(())
        .unwrap();
    client.send_request(request, true).unwrap().0
}

async fn body(response: ResponseFuture) -> Result<String, h2::Error> {
    let response = within(response).await?;
    assert!(!response.headers().contains_key("connection"));
    let mut body = response.into_body();
    let mut text = String::new();
    while let Some(data) = within(body.data()).await {
        text.push_str(std::str::from_utf8(&data?).unwrap());
    }
    Ok(text)
}

#[tokio::test]
async fn the_nth_stream_is_the_last() {
    let server = gated(Limits::new().max_requests_per_connection(3), |server| {
        server
    })
    .await;
    for _ in 0..2 {
        let (client, connection) = connect(server.addr).await;
        let mut client = within(client.ready()).await.unwrap();
        for _ in 0..3 {
            let response = send(&mut client, "/user");
            assert_eq!(body(response).await.unwrap(), "Kevin");
        }
        within(connection).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn goaway_comes_while_the_last_streams_are_served() {
    let server = gated(Limits::new().max_requests_per_connection(2), |server| {
        server
    })
    .await;
    let (client, connection) = connect(server.addr).await;
    let mut client = within(client.ready()).await.unwrap();
    let first = send(&mut client, "/gated");
    let second = send(&mut client, "/gated");
    // Both wait for the gate, and the client hears already that it is to open no others.
    within(async {
        while client.clone().ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.gate.add_permits(2);
    assert_eq!(body(first).await.unwrap(), "Kevin");
    assert_eq!(body(second).await.unwrap(), "Kevin");
    within(connection).await.unwrap().unwrap();
}

#[tokio::test]
async fn streams_opened_before_the_goaway_are_served() {
    let server = gated(Limits::new().max_requests_per_connection(1), |server| {
        server
    })
    .await;
    let (client, connection) = connect(server.addr).await;
    let mut client = within(client.ready()).await.unwrap();
    let streams: Vec<_> = (0..3).map(|_| send(&mut client, "/gated")).collect();
    server.gate.add_permits(3);
    for stream in streams {
        assert_eq!(body(stream).await.unwrap(), "Kevin");
    }
    within(connection).await.unwrap().unwrap();
}

#[tokio::test]
async fn late_streams_are_refused_if_so_configured() {
    let limits = Limits::new().max_requests_per_connection(2);
    let server = gated(limits, |server| server.refuse_late_streams(true)).await;
    let (client, connection) = connect(server.addr).await;
    let mut client = within(client.ready()).await.unwrap();
    let mut streams: Vec<_> = (0..5).map(|_| send(&mut client, "/gated")).collect();
    for late in streams.split_off(2) {
        let error = body(late).await.unwrap_err();
        assert!(error.is_remote());
        assert_eq!(error.reason(), Some(Reason::REFUSED_STREAM));
    }
    server.gate.add_permits(5);
    for stream in streams {
        assert_eq!(body(stream).await.unwrap(), "Kevin");
    }
    within(connection).await.unwrap().unwrap();
    assert_eq!(server.served.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_lowered_count_sends_goaway_at_once_and_drops_nothing() {
    let server = gated(Limits::new(), |server| server).await;
    let (client, idle) = connect(server.addr).await;
    let mut client = within(client.ready()).await.unwrap();
    let (busy_client, busy) = connect(server.addr).await;
    let mut busy_client = within(busy_client.ready()).await.unwrap();
    for client in [&mut client, &mut busy_client] {
        for _ in 0..3 {
            let response = send(client, "/user");
            assert_eq!(body(response).await.unwrap(), "Kevin");
        }
    }
    let active = send(&mut busy_client, "/gated");
    within(async {
        while server.served.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;

    server
        .pool
        .update(Limits::new().max_requests_per_connection(2));
    within(idle).await.unwrap().unwrap();
    within(async {
        while busy_client.clone().ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.gate.add_permits(1);
    assert_eq!(body(active).await.unwrap(), "Kevin");
    within(busy).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_limit_that_is_not_passed_yet_leaves_connections_alone() {
    let server = gated(Limits::new().max_requests_per_connection(2), |server| {
        server
    })
    .await;
    let (client, connection) = connect(server.addr).await;
    let mut client = within(client.ready()).await.unwrap();
    assert_eq!(body(send(&mut client, "/user")).await.unwrap(), "Kevin");
    server
        .pool
        .update(Limits::new().max_requests_per_connection(4));
    for _ in 0..3 {
        assert!(!connection.is_finished());
        assert_eq!(body(send(&mut client, "/user")).await.unwrap(), "Kevin");
    }
    within(connection).await.unwrap().unwrap();
}
