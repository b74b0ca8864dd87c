//! What is sent again.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::{OVERFLOW, Sidecar, answer, full, is, nobody};
use crate::process::{RuleFile, within};
use crate::upstream::Upstream;

#[tokio::test]
async fn a_retry_sends_the_body_again_and_its_outcome_is_the_answer() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &["--retries", "1"]).await;
    let request = "POST / HTTP/1.1\nhost: up\ncontent-length: 6\n\nabcdef";
    let mut raw = sidecar.raw(request).await;
    let mut arrival = upstream.next().await;
    assert_eq!(arrival.text().await, "abcdef");
    arrival.answer(503, "no");
    let mut arrival = upstream.next().await;
    assert_eq!(arrival.request.headers()["content-length"], "6");
    assert_eq!(arrival.text().await, "abcdef");
    arrival.answer(200, "ok");
    raw.until("ok").await;
    sidecar.logs("POST / 200 -").await;
    let stats = sidecar.stats().await;
    let count = |name| stats[&format!("cluster.up.upstream_{name}")];
    assert_eq!(
        (
            count("rq_retry"),
            count("rq_retry_success"),
            count("rq_503")
        ),
        (1, 1, 0)
    );
    assert_eq!((count("rq_200"), count("rq_completed")), (1, 1));
}

#[tokio::test]
async fn a_retry_takes_over_a_body_that_is_still_coming() {
    let mut upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&upstream, &["--retries", "1"]).await;
    let request = "POST / HTTP/1.1\nhost: up\ncontent-length: 6\n\nabc";
    let mut raw = sidecar.raw(request).await;
    let mut first = upstream.next().await;
    assert_eq!(first.piece().await.into_data().unwrap(), "abc");
    drop(first);
    let mut second = upstream.next().await;
    assert_eq!(second.piece().await.into_data().unwrap(), "abc");
    raw.send("def").await;
    assert_eq!(second.text().await, "def");
    second.answer(200, "ok");
    raw.until("ok").await;
}

#[tokio::test]
async fn a_body_that_is_too_long_to_keep_is_sent_once() {
    const TOO_LONG: usize = (1 << 20) + 1;

    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &["--retries", "1"]).await;
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("http://{}/long", sidecar.address);
    let body = Full::from(vec![b'x'; TOO_LONG]);
    let request = client.request(Request::post(uri).body(body).unwrap());
    let response = tokio::spawn(request);
    let mut arrival = upstream.next().await;
    assert_eq!(arrival.text().await.len(), TOO_LONG);
    arrival.answer(503, "no");
    assert_eq!(within(response).await.unwrap().unwrap().status(), 503);
    sidecar.logs("POST /long 503 -").await;
    assert_eq!(sidecar.upstream("rq_retry").await, 0);
}

#[tokio::test]
async fn without_room_for_a_retry_the_response_in_hand_is_the_answer() {
    let rule = RuleFile::with("http: {maxRetries: 1}");
    let mut upstream = Upstream::start().await;
    let flags = ["--rule", &rule.path(), "--retry-on", "5xx"];
    let mut sidecar = Sidecar::start(&upstream, &flags).await;
    let retried = sidecar.get("/a");
    upstream.expect("/a").await.answer(503, "no");
    // Its retry is held, and with it the slot.
    let held = upstream.expect("/a").await;

    let passed = sidecar.get("/b");
    upstream.expect("/b").await.answer(503, "not now");
    let passed = answer(passed).await;
    is(&passed, 503, "not now");
    assert!(!passed.headers.contains_key("x-envoy-overloaded"));
    sidecar.logs("GET /b 503 UO").await;
    let open = "cluster.up.circuit_breakers.default.rq_retry_open";
    assert_eq!(sidecar.stat(open).await, 1);

    // A second failure is its last.
    held.answer(503, "no again");
    is(&answer(retried).await, 503, "no again");
    sidecar.logs("GET /a 503 URX").await;
    assert_eq!(sidecar.stat(open).await, 0);
    for (name, value) in [
        ("rq_retry", 1),
        ("rq_retry_overflow", 1),
        ("rq_retry_limit_exceeded", 1),
        ("rq_retry_success", 0),
    ] {
        assert_eq!(sidecar.upstream(name).await, value, "{name}");
    }
}

#[tokio::test]
async fn a_retry_that_is_dropped_gives_its_slot_back() {
    let rule = RuleFile::with("http: {maxRetries: 1}");
    let mut upstream = Upstream::start().await;
    let flags = ["--rule", &rule.path(), "--retries", "1"];
    let sidecar = Sidecar::start(&upstream, &flags).await;
    let raw = sidecar.raw("GET / HTTP/1.1\nhost: up\n\n").await;
    upstream.next().await.answer(503, "no");
    let held = upstream.next().await;
    drop(raw);
    held.abandoned().await;
    let open = "cluster.up.circuit_breakers.default.rq_retry_open";
    sidecar.until(open, 0).await;
    sidecar.is_idle().await;
}

#[tokio::test]
async fn an_upstream_that_stays_down_is_tried_as_often_as_it_may_be() {
    let mut sidecar = Sidecar::before(&nobody(), &["--retries", "2"]).await;
    is(
        &answer(sidecar.get("/")).await,
        503,
        "upstream connect error or disconnect/reset before headers. \
         retried and the latest reset reason: remote connection failure",
    );
    sidecar.logs("GET / 503 URX,UF").await;
    assert_eq!(sidecar.upstream("rq_retry").await, 2);
    assert_eq!(sidecar.upstream("cx_connect_fail").await, 3);
}

#[tokio::test]
async fn overflow_is_not_retried() {
    let (_upstream, mut sidecar, _rule, _arrival, _held) = full(&["--retries", "2"]).await;
    is(&answer(sidecar.get("/")).await, 503, OVERFLOW);
    sidecar.logs("GET / 503 UO").await;
    assert_eq!(sidecar.upstream("rq_retry").await, 0);
    assert_eq!(sidecar.upstream("rq_active_overflow").await, 1);
}
