//! What takes too long.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Frame;
use tokio::time::sleep;

use super::{Sidecar, answer, headers, is, upload};
use crate::process::{RuleFile, within};
use crate::upstream::Upstream;

#[tokio::test]
async fn the_timeout_of_a_request_runs_while_it_pends() {
    let rule = RuleFile::with("tcp: {maxConnections: 1}");
    let mut upstream = Upstream::start().await;
    let flags = ["--rule", &rule.path(), "--timeout", "0.3s"];
    let mut sidecar = Sidecar::start(&upstream, &flags).await;
    let active = sidecar.get("/active");
    let arrival = upstream.expect("/active").await;
    let request = "GET /pending HTTP/1.1\nhost: up\ncontent-type: application/grpc\n\n";
    let mut pending = sidecar.raw(request).await;

    is(&answer(active).await, 504, "upstream request timeout");
    arrival.abandoned().await;
    assert_eq!(
        pending.until("\n\n").await,
        "HTTP/1.1 200 OK\ncontent-type: application/grpc\ngrpc-status: 14\n\
         grpc-message: upstream request timeout\ncontent-length: 0\n\n"
    );
    sidecar.logs("GET /active 504 UT").await;
    sidecar.logs("GET /pending 200 UT").await;
    let stats = sidecar.stats().await;
    assert_eq!(stats["cluster.up.upstream_rq_timeout"], 2);
    assert_eq!(stats["cluster.up.upstream_rq_504"], 2);
    sidecar.is_idle().await;
}

#[tokio::test]
async fn the_timeout_of_a_request_with_a_body_runs_while_it_pends() {
    const HEAD: &str = "POST / HTTP/1.1\nhost: up\n";

    for flags in [&[][..], &["--retries", "1"]] {
        let (upstream, _closed) = Upstream::closed().await;
        let flags = [&["--timeout", "0.3s"], flags].concat();
        let mut sidecar = Sidecar::before(&upstream.tls_url(), &flags).await;
        for body in [
            "content-length: 3\n\nabc",
            "transfer-encoding: chunked\n\n3\nabc\n0\n\n",
            "transfer-encoding: chunked\ntrailer: x-sum\n\n3\nabc\n0\nx-sum: 3\n\n",
        ] {
            let mut raw = sidecar.raw(&format!("{HEAD}{body}")).await;
            let head = "HTTP/1.1 504 Gateway Timeout\ncontent-length: 24\n\
                        content-type: text/plain\n\nupstream request timeout";
            assert_eq!(raw.until("timeout").await, head);
            sidecar.logs("POST / 504 UT").await;
        }
        // Envoy, too, says so before it has anywhere to send it.
        let expects = format!("{HEAD}expect: 100-continue\ncontent-length: 3\n\n");
        let mut raw = sidecar.raw(&expects).await;
        assert_eq!(raw.until("\n\n").await, "HTTP/1.1 100 Continue\n\n");
        sidecar.until_load(0, 1).await;
        raw.send("abc").await;
        raw.until("upstream request timeout").await;
        sidecar.logs("POST / 504 UT").await;
        sidecar.is_idle().await;
        assert_eq!(sidecar.upstream("rq_timeout").await, 4);
    }
}

#[tokio::test]
async fn the_timeout_of_a_request_runs_between_two_tries() {
    let mut upstream = Upstream::start().await;
    let flags = ["--retries", "1", "--retry-back-off", "10000s"];
    let flags = [&flags[..], &["--timeout", "0.3s"]].concat();
    let mut sidecar = Sidecar::start(&upstream, &flags).await;
    let request = "POST / HTTP/1.1\nhost: up\ncontent-length: 6\n\nabc";
    let mut raw = sidecar.raw(request).await;
    let mut first = upstream.next().await;
    assert_eq!(first.piece().await.into_data().unwrap(), "abc");
    drop(first);
    sidecar.until("cluster.up.upstream_rq_retry", 1).await;
    raw.send("def").await;
    raw.until("upstream request timeout").await;
    sidecar.logs("POST / 504 UT").await;
    assert_eq!(sidecar.upstream("rq_timeout").await, 1);
}

#[tokio::test]
async fn the_timeout_of_a_request_runs_while_its_upstream_does_not_read_it() {
    // More than the upstream's window, by less than what is read ahead.
    const PIECES: usize = 24;
    static PIECE: [u8; 1 << 16] = [b'x'; 1 << 16];

    for flags in [&[][..], &["--retries", "1"]] {
        for is_http2 in [false, true] {
            let mut upstream = Upstream::start().await;
            let flags = [&["--upstream-protocol", "h2", "--timeout", "0.5s"], flags].concat();
            let mut sidecar = Sidecar::start(&upstream, &flags).await;
            let (sender, response) = upload(&sidecar, is_http2, HeaderMap::new());
            let unread = upstream.next().await;
            for _ in 0..PIECES {
                let piece = Frame::data(Bytes::from_static(&PIECE));
                sender.unbounded_send(Ok(piece)).unwrap();
            }
            drop(sender);
            assert_eq!(within(response).await.unwrap().status(), 504);
            unread.breaks_off().await;
            sidecar.logs("POST /upload 504 UT").await;
            sidecar.is_idle().await;
        }
    }
}

#[tokio::test]
async fn the_timeout_of_a_request_ends_a_response_that_goes_on() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &["--timeout", "100ms"]).await;
    let mut raw = sidecar.raw("GET / HTTP/1.1\nhost: up\n\n").await;
    let rest = upstream
        .next()
        .await
        .answer_head(headers([("content-length", "10")]));
    rest.data("part");
    raw.until("part").await;
    raw.closed().await;
    sidecar.logs("GET / 200 UT").await;
    sidecar.is_idle().await;
}

#[tokio::test]
async fn the_timeout_of_a_request_ends_a_response_that_its_client_does_not_read() {
    for is_http2 in [false, true] {
        for (protocol, connections) in [("h1", 0), ("h2", 1)] {
            let mut upstream = Upstream::start().await;
            let flags = ["--upstream-protocol", protocol, "--timeout", "1s"];
            let mut sidecar = Sidecar::start(&upstream, &flags).await;
            let (sender, response) = upload(&sidecar, is_http2, HeaderMap::new());
            drop(sender);
            let unwanted = upstream.next().await.answer_endlessly();
            let response = within(response).await.unwrap();

            assert!(within(unwanted).await.is_err());
            sidecar.logs("POST /upload 200 UT").await;
            sidecar.is_idle().await;
            sidecar
                .until("cluster.up.upstream_cx_active", connections)
                .await;
            assert_eq!(sidecar.upstream("rq_timeout").await, 1);
            assert!(within(response.into_body().collect()).await.is_err());
        }
    }
}

#[tokio::test]
async fn the_timeout_of_a_request_starts_when_its_body_has_come() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &["--timeout", "50ms"]).await;
    let request = "POST / HTTP/1.1\nhost: up\ncontent-length: 6\n\nabc";
    let mut raw = sidecar.raw(request).await;
    let mut arrival = upstream.next().await;
    sleep(Duration::from_millis(200)).await;
    raw.send("def").await;
    assert_eq!(arrival.text().await, "abcdef");
    raw.until("upstream request timeout").await;
    sidecar.logs("POST / 504 UT").await;
}

#[tokio::test]
async fn each_try_has_a_timeout_from_when_it_has_a_connection() {
    let rule = RuleFile::with("tcp: {maxConnections: 1}");
    let mut upstream = Upstream::start().await;
    let flags = ["--rule", &rule.path(), "--per-try-timeout", "1s"];
    let mut sidecar = Sidecar::start(&upstream, &flags).await;
    let first = sidecar.get("/first");
    let _first = upstream.expect("/first").await;
    let second = sidecar.get("/second");
    sidecar.until_load(1, 1).await;

    is(&answer(first).await, 504, "upstream request timeout");
    // It pended nearly as long as it may take, and has as long again.
    upstream.expect("/second").await.answer(200, "ok");
    is(&answer(second).await, 200, "ok");
    sidecar.logs("GET /first 504 UT").await;
    assert_eq!(sidecar.upstream("rq_per_try_timeout").await, 1);
    assert_eq!(sidecar.upstream("rq_timeout").await, 0);
}
