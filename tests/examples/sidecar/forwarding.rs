//! What is forwarded, and how.

use http_body_util::BodyExt;
use hyper::Version;
use hyper::body::Frame;

use super::{Sidecar, answer, data, headers, is, piece, upload};
use crate::process::within;
use crate::upstream::Upstream;

#[tokio::test]
async fn a_request_and_its_response_pass_without_what_is_hop_by_hop() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &[]).await;
    let mut raw = sidecar
        .raw(
            "PUT /a/b?c=d HTTP/1.1\nhost: user.example\nconnection: keep-alive, x-hop, TE\n\
             x-hop: 1\nkeep-alive: timeout=5\nproxy-connection: keep-alive\nte: gzip, trailers\n\
             upgrade: h2c\nexpect: 100-continue\nx-end: 1\nx-end: 2\ncontent-length: 3\n\nabc",
        )
        .await;

    let mut arrival = upstream.next().await;
    assert_eq!(arrival.text().await, "abc");
    let request = &arrival.request;
    assert_eq!(
        (request.method().as_str(), request.uri().to_string()),
        ("PUT", "/a/b?c=d".to_owned())
    );
    assert_eq!(request.version(), Version::HTTP_11);
    let mut received: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    received.sort();
    assert_eq!(
        received,
        [
            "content-length: 3",
            "host: user.example",
            "te: trailers",
            "x-end: 1",
            "x-end: 2"
        ]
    );

    let rest = arrival.answer_head(headers([
        ("connection", "x-back"),
        ("x-back", "1"),
        ("keep-alive", "timeout=5"),
        ("content-length", "2"),
        ("x-end", "3"),
    ]));
    rest.data("ok");
    // hyper says `100 Continue` when the body is wanted.
    assert_eq!(raw.until("\n\n").await, "HTTP/1.1 100 Continue\n\n");
    let response = raw.until("ok").await;
    let mut lines: Vec<_> = response.lines().collect();
    lines[1..].sort();
    assert_eq!(
        lines,
        ["HTTP/1.1 200 OK", "", "content-length: 2", "ok", "x-end: 3"]
    );
    sidecar.logs("PUT /a/b?c=d 200 -").await;
    sidecar.is_idle().await;
}

async fn bodies_stream_both_ways(is_http2: bool, flags: &[&str]) {
    let mut upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&upstream, flags).await;
    // HTTP/1 wants to know beforehand which trailers come, and whether they are welcome.
    let head = headers([("trailer", "x-sum"), ("te", "trailers")]);
    let (sender, response) = upload(&sidecar, is_http2, head.clone());

    // Each piece arrives while the next does not exist yet.
    sender.unbounded_send(data("one")).unwrap();
    let mut arrival = upstream.next().await;
    assert_eq!(arrival.piece().await.into_data().unwrap(), "one");
    sender.unbounded_send(data("two")).unwrap();
    assert_eq!(arrival.piece().await.into_data().unwrap(), "two");
    let sum = headers([("x-sum", "2")]);
    sender.unbounded_send(Ok(Frame::trailers(sum))).unwrap();
    drop(sender);
    let trailers = arrival.piece().await.into_trailers().unwrap();
    assert_eq!(trailers, headers([("x-sum", "2")]));

    let rest = arrival.answer_head(headers([("trailer", "x-sum")]));
    let mut response = within(response).await.unwrap();
    rest.data("three");
    assert_eq!(piece(response.body_mut()).await, "three");
    rest.data("four");
    assert_eq!(piece(response.body_mut()).await, "four");
    rest.trailers(headers([("x-sum", "4")]));
    drop(rest);
    let last = within(response.body_mut().frame()).await.unwrap().unwrap();
    assert_eq!(last.into_trailers().unwrap(), headers([("x-sum", "4")]));
    sidecar.is_idle().await;
}

#[tokio::test]
async fn bodies_and_trailers_stream_both_ways_over_http1() {
    bodies_stream_both_ways(false, &["--upstream-protocol", "h1"]).await;
}

#[tokio::test]
async fn bodies_and_trailers_stream_both_ways_over_http2() {
    bodies_stream_both_ways(true, &["--upstream-protocol", "h2"]).await;
}

#[tokio::test]
async fn bodies_and_trailers_stream_both_ways_from_http2_to_http1() {
    bodies_stream_both_ways(true, &[]).await;
}

#[tokio::test]
async fn bodies_and_trailers_stream_both_ways_while_they_are_kept_for_a_retry() {
    bodies_stream_both_ways(false, &["--retries", "1"]).await;
}

#[tokio::test]
async fn a_get_with_a_body_of_unknown_length_keeps_it() {
    let mut upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&upstream, &[]).await;
    let request = "GET / HTTP/1.1\nhost: up\ntransfer-encoding: chunked\n\n3\nabc\n0\n\n";
    let mut raw = sidecar.raw(request).await;
    let mut arrival = upstream.next().await;
    assert_eq!(arrival.text().await, "abc");
    arrival.answer(204, "");
    raw.until("\n\n").await;
}

#[tokio::test]
async fn https_is_spoken_as_the_handshake_says() {
    for (protocol, alpn, version) in [
        ("auto", &[&b"h2"[..], b"http/1.1"][..], Version::HTTP_2),
        ("auto", &[b"http/1.1"], Version::HTTP_11),
        ("h1", &[b"h2", b"http/1.1"], Version::HTTP_11),
        ("h2", &[b"h2"], Version::HTTP_2),
    ] {
        let mut upstream = Upstream::tls(alpn).await;
        let url = format!("https://{}", upstream.address);
        let flags = ["--upstream-protocol", protocol, "--upstream-insecure"];
        let sidecar = Sidecar::before(&url, &flags).await;
        let task = sidecar.get("/");
        let arrival = upstream.next().await;
        assert_eq!(arrival.request.version(), version, "{protocol}");
        arrival.answer(200, "ok");
        is(&answer(task).await, 200, "ok");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_knows_is_a_failed_connection() {
    let upstream = Upstream::tls(&[b"http/1.1"]).await;
    let url = format!("https://{}", upstream.address);
    let mut sidecar = Sidecar::before(&url, &[]).await;
    assert_eq!(answer(sidecar.get("/")).await.status, 503);
    sidecar.logs("GET / 503 UF").await;
    assert_eq!(sidecar.upstream("cx_connect_fail").await, 1);
}
