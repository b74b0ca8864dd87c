//! GOAWAY, at each moment at which it can come.

use http::Request;
use http_body_util::Full;
use meshpool::Limits;
use meshpool::outbound::{Client, ErrorKind};
use tokio::io::{DuplexStream, duplex};
use tower::Service;

use crate::connectors::{Connects, anywhere, gated};
use crate::support::{Pool, get, nothing_is_left, outcome, spawn, stats, until, within};
use crate::upstream::{Frames, Seen};

const NO_ERROR: u32 = 0;
const ENHANCE_YOUR_CALM: u32 = 11;

fn http2() -> (Pool, Connects) {
    gated(Client::builder().http2_only())
}

async fn accept(connects: &mut Connects) -> Frames<DuplexStream> {
    Frames::greet(connects.accept().await, 100).await
}

/// The next request gets a new connection, and nothing of the old is left.
async fn the_next_is_served(client: &Pool, connects: &mut Connects) {
    let next = spawn(client, anywhere(), "/next");
    let mut server = accept(connects).await;
    let stream = server.request().await;
    server.answer(stream).await;
    outcome(next).await.unwrap();
    drop(server);
    nothing_is_left(client).await;
}

#[tokio::test]
async fn before_the_settings_it_costs_the_request_another_connection() {
    for code in [NO_ERROR, ENHANCE_YOUR_CALM] {
        let (client, mut connects) = http2();
        let one = spawn(&client, anywhere(), "/");
        let (end, other) = duplex(1 << 10);
        let mut first = Frames::over(other);
        first.go_away(0, code).await;
        connects.next().await.answer(Ok(end));
        let mut server = accept(&mut connects).await;
        let stream = server.request().await;
        server.answer(stream).await;
        assert_eq!(outcome(one).await, Ok(String::new()), "{code}");
        drop((first, server));
        nothing_is_left(&client).await;
    }
}

#[tokio::test]
async fn while_idle_it_closes_the_connection() {
    let (client, mut connects) = http2();
    let first = spawn(&client, anywhere(), "/first");
    let mut server = accept(&mut connects).await;
    let stream = server.request().await;
    server.answer(stream).await;
    outcome(first).await.unwrap();
    server.go_away(stream, NO_ERROR).await;
    until(|| stats(&client, anywhere()).cx_active == 0).await;
    while server.next().await != Seen::Closed {}
    the_next_is_served(&client, &mut connects).await;
}

#[tokio::test]
async fn with_a_request_on_the_way_it_is_answered_if_the_server_has_seen_it() {
    for code in [NO_ERROR, ENHANCE_YOUR_CALM] {
        let (client, mut connects) = http2();
        let one = spawn(&client, anywhere(), "/");
        let mut server = accept(&mut connects).await;
        let stream = server.request().await;
        server.go_away(stream, code).await;
        until(|| stats(&client, anywhere()).counters.cx_close_notify == 1).await;
        server.answer(stream).await;
        assert_eq!(outcome(one).await, Ok(String::new()), "{code}");
        drop(server);
        the_next_is_served(&client, &mut connects).await;
    }
}

#[tokio::test]
async fn with_a_response_on_the_way_it_is_read_to_its_end() {
    let (client, mut connects) = http2();
    let one = spawn(&client, anywhere(), "/");
    let mut server = accept(&mut connects).await;
    let stream = server.request().await;
    server.answer_head(stream).await;
    server.data(stream, b"Ke", false).await;
    server.go_away(stream, NO_ERROR).await;
    until(|| stats(&client, anywhere()).counters.cx_close_notify == 1).await;
    server.data(stream, b"vin", true).await;
    assert_eq!(outcome(one).await, Ok("Kevin".to_owned()));
    drop(server);
    the_next_is_served(&client, &mut connects).await;
}

#[tokio::test]
async fn an_end_in_the_middle_of_a_response_after_it_is_a_lost_connection() {
    let (client, mut connects) = http2();
    let one = spawn(&client, anywhere(), "/");
    let mut server = accept(&mut connects).await;
    let stream = server.request().await;
    server.answer_head(stream).await;
    server.go_away(stream, ENHANCE_YOUR_CALM).await;
    drop(server);
    assert_eq!(outcome(one).await, Err(ErrorKind::ConnectionLost));
    the_next_is_served(&client, &mut connects).await;
}

#[tokio::test]
async fn twice_it_refuses_what_the_second_leaves_out() {
    // As servers do that shut down gracefully: first a warning, then the last stream.
    let (client, mut connects) = http2();
    let seen = spawn(&client, anywhere(), "/seen");
    let mut server = accept(&mut connects).await;
    let first = server.request().await;
    let unseen = tokio::spawn(get(&client, anywhere(), "/unseen"));
    server.request().await;
    server.go_away((1 << 31) - 1, NO_ERROR).await;
    until(|| stats(&client, anywhere()).counters.cx_close_notify == 1).await;
    server.go_away(first, NO_ERROR).await;
    let error = within(unseen).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RefusedStream);
    assert!(!error.may_have_reached_server());
    server.answer(first).await;
    outcome(seen).await.unwrap();
    drop(server);
    the_next_is_served(&client, &mut connects).await;
}

#[tokio::test]
async fn one_of_this_sides_own_that_the_peer_does_not_read_ends_the_connection_and_is_not_the_peers()
 {
    let (client, mut connects) = http2();
    let first = spawn(&client, anywhere(), "/first");
    let (end, other) = duplex(1 << 10);
    connects.next().await.answer(Ok(end));
    let mut server = Frames::greet(other, 100).await;
    let stream = server.request().await;
    server.answer(stream).await;
    outcome(first).await.unwrap();
    let request = Request::post(format!("http://{}/", anywhere()));
    // More than the connection holds: what comes after it cannot be sent.
    let request = request.body(Full::from(vec![0; 1 << 12])).unwrap();
    let one = tokio::spawn(client.clone().call(request));
    server.request().await;
    // No peer may send this.
    server.data(0, b"of no stream", false).await;
    let error = within(one).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    until(|| stats(&client, anywhere()).cx_active == 0).await;
    assert_eq!(stats(&client, anywhere()).counters.cx_close_notify, 0);
    the_next_is_served(&client, &mut connects).await;
    drop(server);
}

#[tokio::test]
async fn what_pends_gets_another_connection_when_the_draining_one_has_closed() {
    let limits = Limits::new().max_connections(1).max_concurrent_streams(1);
    let (client, mut connects) = gated(Client::builder().http2_only().limits(limits));
    let one = spawn(&client, anywhere(), "/one");
    let mut server = accept(&mut connects).await;
    let stream = server.request().await;
    let two = spawn(&client, anywhere(), "/two");
    server.go_away(stream, NO_ERROR).await;
    until(|| stats(&client, anywhere()).counters.cx_close_notify == 1).await;
    assert!(!connects.has_more(), "the old one has its slot");
    server.answer(stream).await;
    outcome(one).await.unwrap();
    let mut next = accept(&mut connects).await;
    let stream = next.request().await;
    next.answer(stream).await;
    outcome(two).await.unwrap();
    drop((server, next));
    nothing_is_left(&client).await;
}
