//! Bodies that have to wait for a connection, and clients that leave in the midst of one.

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::Frame;

use super::{Sidecar, data, upload};
use crate::process::within;
use crate::upstream::Upstream;

/// Chunked, and not at its end.
const BEGUN: &str = "POST / HTTP/1.1\nhost: up\ntransfer-encoding: chunked\n\n3\nabc\n";

#[tokio::test]
async fn a_client_that_leaves_within_a_body_that_pends_frees_everything() {
    let length = "POST / HTTP/1.1\nhost: up\ncontent-length: 6\n\nabc";
    for flags in [&[][..], &["--retries", "1"]] {
        let (upstream, _closed) = Upstream::closed().await;
        let mut sidecar = Sidecar::before(&upstream.tls_url(), flags).await;
        for (request, cancelled) in [(BEGUN, 1), (length, 2)] {
            let raw = sidecar.raw(request).await;
            sidecar.until_load(0, 1).await;
            drop(raw);
            sidecar.is_idle().await;
            sidecar.logs("POST / 0 DC").await;
            assert_eq!(sidecar.upstream("rq_cancelled").await, cancelled);
        }

        let (sender, response) = upload(&sidecar, true, HeaderMap::new());
        sender.unbounded_send(data("abc")).unwrap();
        sidecar.until_load(0, 1).await;
        response.abort();
        sidecar.is_idle().await;
        sidecar.logs("POST /upload 0 DC").await;
        assert_eq!(sidecar.upstream("rq_cancelled").await, 3);
        assert_eq!(sidecar.upstream("rq_completed").await, 0);
    }
}

#[tokio::test]
async fn a_client_that_leaves_within_a_body_that_is_sent_on_frees_everything() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &[]).await;
    let raw = sidecar.raw(BEGUN).await;
    let mut arrival = upstream.next().await;
    assert_eq!(arrival.piece().await.into_data().unwrap(), "abc");
    drop(raw);
    arrival.breaks_off().await;
    sidecar.logs("POST / 0 DC").await;
    sidecar.is_idle().await;

    // After an answer that does not wait for its end.
    let mut raw = sidecar.raw(BEGUN).await;
    let mut arrival = upstream.next().await;
    assert_eq!(arrival.piece().await.into_data().unwrap(), "abc");
    let rest = arrival.answer_head(HeaderMap::new());
    rest.data("part");
    raw.until("part").await;
    drop(raw);
    sidecar.logs("POST / 200 DC").await;
    sidecar.is_idle().await;
    assert_eq!(sidecar.upstream("rq_cancelled").await, 0);
}

#[tokio::test]
async fn a_client_that_leaves_between_two_tries_is_noticed() {
    let mut upstream = Upstream::start().await;
    let flags = ["--retries", "1", "--retry-back-off", "10000s"];
    let mut sidecar = Sidecar::start(&upstream, &flags).await;
    let raw = sidecar.raw(BEGUN).await;
    let mut first = upstream.next().await;
    assert_eq!(first.piece().await.into_data().unwrap(), "abc");
    drop(first);
    sidecar.until("cluster.up.upstream_rq_retry", 1).await;
    drop(raw);
    sidecar.logs("POST / 0 DC").await;
    sidecar.is_idle().await;
}

#[tokio::test]
async fn a_body_that_is_malformed_is_a_400_whether_it_pends_or_not() {
    let (closed, _closed) = Upstream::closed().await;
    let mut open = Upstream::start().await;
    for (url, active) in [(closed.tls_url(), 0), (open.url(), 1)] {
        let mut sidecar = Sidecar::before(&url, &[]).await;
        let mut raw = sidecar.raw(BEGUN).await;
        sidecar.until_load(active, 1 - active).await;
        let arrival = match active {
            0 => None,
            _ => Some(open.next().await),
        };
        raw.send("no number\n").await;
        let head = "HTTP/1.1 400 Bad Request\ncontent-length: 11\ncontent-type: text/plain\n\n";
        assert_eq!(raw.until("\n\n").await, head);
        raw.ended("Bad Request").await;
        sidecar.logs("POST / 400 DPE").await;
        if let Some(mut arrival) = arrival {
            assert_eq!(arrival.piece().await.into_data().unwrap(), "abc");
            arrival.breaks_off().await;
        }
        sidecar.is_idle().await;
    }
}

#[tokio::test]
async fn a_body_is_read_ahead_up_to_a_bound_and_arrives_whole() {
    const PIECE: usize = 1 << 16;
    const PIECES: usize = 128;

    for flags in [&[][..], &["--retries", "1"]] {
        let (mut upstream, closed) = Upstream::closed().await;
        let flags = [&["--timeout", "1s", "--upstream-insecure"], flags].concat();
        let mut sidecar = Sidecar::before(&upstream.tls_url(), &flags).await;
        let (sender, response) = upload(&sidecar, false, HeaderMap::new());
        let mut sent = Vec::new();
        for piece in 0..PIECES {
            let bytes: Vec<_> = (0..PIECE).map(|byte| (byte * 31 + piece) as u8).collect();
            sent.extend_from_slice(&bytes);
            sender
                .unbounded_send(Ok(Frame::data(Bytes::from(bytes))))
                .unwrap();
        }
        drop(sender);
        sidecar.until_load(0, 1).await;
        // Those that are all there are too late, one after the other. It has not begun to be.
        for _ in 0..2 {
            let short = sidecar.raw("POST /short HTTP/1.1\nhost: up\ncontent-length: 3\n\nabc");
            short.await.until("upstream request timeout").await;
            sidecar.logs("POST /short 504 UT").await;
        }
        sidecar.until_load(0, 1).await;

        drop(closed);
        let mut arrival = upstream.expect("/upload").await;
        let received = arrival.bytes().await;
        assert_eq!(received.len(), sent.len());
        assert!(received == sent);
        arrival.answer(200, "ok");
        assert_eq!(within(response).await.unwrap().status(), 200);
        sidecar.logs("POST /upload 200 -").await;
    }
}

#[tokio::test]
async fn what_was_read_ahead_is_sent_again() {
    let (mut upstream, closed) = Upstream::closed().await;
    let flags = ["--retries", "1", "--upstream-insecure"];
    let mut sidecar = Sidecar::before(&upstream.tls_url(), &flags).await;
    let mut raw = sidecar.raw(BEGUN).await;
    sidecar.until_load(0, 1).await;
    drop(closed);
    let mut first = upstream.next().await;
    assert_eq!(first.piece().await.into_data().unwrap(), "abc");
    raw.send("3\ndef\n0\n\n").await;
    assert_eq!(first.text().await, "def");
    first.answer(503, "no");
    let mut second = upstream.next().await;
    assert_eq!(second.text().await, "abcdef");
    second.answer(200, "ok");
    raw.until("ok").await;
    sidecar.logs("POST / 200 -").await;
    assert_eq!(sidecar.upstream("rq_retry_success").await, 1);
}
