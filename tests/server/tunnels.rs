//! Connections and streams that are handed over to another protocol.

use std::convert::Infallible;
use std::future::IntoFuture;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use meshpool::inbound::serve;
use meshpool::{InboundPool, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tower::service_fn;

use crate::memory::{self, Dial};

/// A server that grants every upgrade and tunnel, and the sockets that come of it.
fn server(pool: &InboundPool) -> (Dial, mpsc::UnboundedReceiver<TokioIo<Upgraded>>) {
    let (listener, dial) = memory::listen();
    let (sockets, upgraded) = mpsc::unbounded_channel();
    let app = service_fn(move |request: http::Request<Incoming>| {
        let sockets = sockets.clone();
        async move {
            let status = match *request.method() {
                Method::CONNECT => StatusCode::OK,
                _ => StatusCode::SWITCHING_PROTOCOLS,
            };
            tokio::spawn(async move {
                let socket = hyper::upgrade::on(request).await.unwrap();
                sockets.send(TokioIo::new(socket)).unwrap();
            });
            let response = Response::builder()
                .status(status)
                .body(Empty::<Bytes>::new());
            Ok::<_, Infallible>(response.unwrap())
        }
    });
    let server = serve(listener, app).pool(pool).max_connections(1);
    tokio::spawn(server.into_future());
    (dial, upgraded)
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_on_an_http2_stream_keeps_its_connection_from_being_idle() {
    let pool = InboundPool::new(Limits::new().idle_timeout(Duration::from_secs(10)));
    let (dial, mut upgraded) = server(&pool);
    let (mut client, _closed) = dial.http2().await;
    let connect = http::Request::connect("user:80")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = client.send_request(connect).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut client = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    let mut server = upgraded.recv().await.unwrap();

    sleep(Duration::from_secs(1000)).await;
    server.write_all(b"Kevin").await.unwrap();
    server.flush().await.unwrap();
    let mut name = [0; 5];
    client.read_exact(&mut name).await.unwrap();
    assert_eq!(&name, b"Kevin");
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_socket_has_the_slot_and_no_timers() {
    let limits = Limits::new()
        .max_requests_per_connection(1)
        .idle_timeout(Duration::from_secs(10))
        .max_connection_duration(Duration::from_secs(10));
    let (dial, mut upgraded) = server(&InboundPool::new(limits));
    let mut client = dial.socket();
    let upgrade = b"GET / HTTP/1.1\r\nhost: user\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    client.write_all(upgrade).await.unwrap();
    let mut socket = upgraded.recv().await.unwrap();
    let mut head = vec![0; 1024];
    let read = client.read(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head[..read]);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(!head.contains("close"), "{head}");

    let mut waiting = dial.socket();
    waiting.write_all(upgrade).await.unwrap();
    sleep(Duration::from_secs(1000)).await;
    assert!(upgraded.is_empty(), "there is no second slot");

    // Each side closes in its own time: what comes after ours is closed is not discarded.
    let ours = socket.shutdown();
    let theirs = async {
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        client.write_all(b"late").await.unwrap();
        client.shutdown().await.unwrap();
    };
    let (ours, ()) = tokio::join!(ours, theirs);
    ours.unwrap();
    let mut late = String::new();
    socket.read_to_string(&mut late).await.unwrap();
    assert_eq!(late, "late");
    assert!(upgraded.is_empty(), "nor while one side is open");

    drop(socket);
    upgraded.recv().await.unwrap();
}
