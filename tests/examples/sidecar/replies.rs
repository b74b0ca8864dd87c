//! What is answered in place of the upstream.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{OVERFLOW, Raw, Sidecar, answer, full, is, nobody};
use crate::upstream::{Upstream, acceptor};

#[tokio::test]
async fn overflow_is_answered_as_envoy_does_and_the_connection_stays() {
    let (_upstream, mut sidecar, _rule, arrival, held) = full(&[]).await;
    let mut raw = sidecar.raw("GET /a HTTP/1.1\nhost: up\n\n").await;
    let head = "HTTP/1.1 503 Service Unavailable\nx-envoy-overloaded: true\n\
                content-length: 81\ncontent-type: text/plain\n\n";
    assert_eq!(raw.until("overflow").await, format!("{head}{OVERFLOW}"));

    raw.send("HEAD /b HTTP/1.1\nhost: up\n\n").await;
    assert_eq!(raw.until("\n\n").await, head);

    raw.send("POST /c HTTP/1.1\nhost: up\ncontent-type: application/grpc+proto\n\n")
        .await;
    assert_eq!(
        raw.until("\n\n").await,
        format!(
            "HTTP/1.1 200 OK\nx-envoy-overloaded: true\ncontent-type: application/grpc\n\
             grpc-status: 14\ngrpc-message: {OVERFLOW}\ncontent-length: 0\n\n"
        )
    );
    for line in ["GET /a 503 UO", "HEAD /b 503 UO", "POST /c 200 UO"] {
        sidecar.logs(line).await;
    }
    let stats = sidecar.stats().await;
    assert_eq!(stats["cluster.up.upstream_rq_active_overflow"], 3);
    assert_eq!(stats["cluster.up.upstream_rq_503"], 3);

    arrival.answer(200, "ok");
    is(&answer(held).await, 200, "ok");
    // Nothing has closed it.
    raw.send("CONNECT up:80 HTTP/1.1\nhost: up:80\n\n").await;
    assert_eq!(
        raw.until("\n\n").await,
        "HTTP/1.1 404 Not Found\ncontent-length: 0\n\n"
    );
}

#[tokio::test]
async fn an_upstream_that_is_down_is_a_503() {
    let mut sidecar = Sidecar::before(&nobody(), &[]).await;
    let refused = answer(sidecar.get("/")).await;
    is(
        &refused,
        503,
        "upstream connect error or disconnect/reset before headers. \
         reset reason: remote connection failure",
    );
    assert_eq!(refused.headers["content-type"], "text/plain");
    assert!(!refused.headers.contains_key("x-envoy-overloaded"));
    sidecar.logs("GET / 503 UF").await;
    sidecar.is_idle().await;
}

#[tokio::test]
async fn a_connection_that_is_lost_is_a_503_and_harms_nobody_else() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &[]).await;
    let (lost, other) = (sidecar.get("/lost"), sidecar.get("/other"));
    let mut arrivals = [upstream.next().await, upstream.next().await];
    arrivals.sort_by_key(|it| it.request.uri().path().to_owned());
    let [to_lose, to_keep] = arrivals;
    drop(to_lose);
    is(
        &answer(lost).await,
        503,
        "upstream connect error or disconnect/reset before headers. \
         reset reason: connection termination",
    );
    sidecar.logs("GET /lost 503 UC").await;
    to_keep.answer(200, "ok");
    is(&answer(other).await, 200, "ok");
    sidecar.is_idle().await;
}

#[tokio::test]
async fn a_stream_that_is_reset_is_a_503_and_its_connection_stays() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &["--upstream-protocol", "h2"]).await;
    let reset = sidecar.get("/");
    drop(upstream.next().await);
    is(
        &answer(reset).await,
        503,
        "upstream connect error or disconnect/reset before headers. reset reason: remote reset",
    );
    sidecar.logs("GET / 503 UR").await;
    assert_eq!(sidecar.upstream("rq_rx_reset").await, 1);
    assert_eq!(sidecar.upstream("cx_active").await, 1);
}

/// An upstream that answers one request so, and leaves.
async fn answering(text: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut raw = Raw(listener.accept().await.unwrap().0);
        raw.until("\n\n").await;
        raw.send(text).await;
    });
    url
}

#[tokio::test]
async fn what_is_no_http_is_a_502() {
    let url = answering("good day to you\n\n").await;
    let mut sidecar = Sidecar::before(&url, &[]).await;
    let task = sidecar.get("/");
    is(
        &answer(task).await,
        502,
        "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
    );
    sidecar.logs("GET / 502 UPE").await;
}

#[tokio::test]
async fn a_response_that_breaks_off_breaks_off_here_too() {
    let url = answering("HTTP/1.1 200 OK\ncontent-length: 10\n\npart").await;
    let mut sidecar = Sidecar::before(&url, &[]).await;
    let mut raw = sidecar.raw("GET / HTTP/1.1\nhost: up\n\n").await;
    raw.until("part").await;
    raw.closed().await;
    sidecar.logs("GET / 200 UPE").await;
    sidecar.is_idle().await;
}

/// Over TLS, an upstream that answers with a body of no stated length, and leaves.
async fn answering_over_tls(says_goodbye: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let acceptor = acceptor(&[b"http/1.1"]);
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut socket = acceptor.accept(socket).await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(socket.read_u8().await.unwrap());
        }
        socket
            .write_all(b"HTTP/1.1 200 OK\r\n\r\npart")
            .await
            .unwrap();
        socket.flush().await.unwrap();
        if says_goodbye {
            socket.shutdown().await.unwrap();
        }
    });
    url
}

#[tokio::test]
async fn a_body_that_ends_with_a_tls_connection_is_whole_only_after_its_goodbye() {
    for (says_goodbye, line) in [(true, "GET / 200 -"), (false, "GET / 200 UPE")] {
        let url = answering_over_tls(says_goodbye).await;
        let mut sidecar = Sidecar::before(&url, &["--upstream-insecure"]).await;
        let mut raw = sidecar.raw("GET / HTTP/1.1\nhost: up\n\n").await;
        raw.until("part").await;
        match says_goodbye {
            true => assert_eq!(raw.until("0\n\n").await, "\n0\n\n"),
            // Anybody may have cut it off.
            false => raw.ended("\n").await,
        }
        sidecar.logs(line).await;
    }
}
