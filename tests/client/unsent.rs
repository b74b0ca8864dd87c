//! Requests that never left a connection that was dying: sent again on another, once. And those
//! that may have left, which are not. Within the process, so that a client hears of an end when it
//! looks, and not before.

use std::error::Error as _;
use std::sync::{Arc, Mutex};

use meshpool::Limits;
use meshpool::outbound::{Client, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::connectors::{Connects, anywhere, gated, read_head};
use crate::support::{Pool, get, nothing_is_left, outcome, spawn, stats, text, until, within};
use crate::upstream::{Frames, Seen, bind};

const NO_ERROR: u32 = 0;
const REFUSED_STREAM: u32 = 7;

/// Reads a request and answers it.
async fn serve(server: &mut DuplexStream) {
    read_head(server).await;
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nKevin";
    server.write_all(answer).await.unwrap();
}

/// A client with one idle connection, whose other end is returned.
async fn idle_http1() -> (Pool, Connects, DuplexStream) {
    let (client, mut connects) = gated(Client::builder());
    let first = spawn(&client, anywhere(), "/first");
    let mut server = connects.accept().await;
    serve(&mut server).await;
    outcome(first).await.unwrap();
    (client, connects, server)
}

/// The same on HTTP/2.
async fn idle_http2() -> (Pool, Connects, Frames<DuplexStream>) {
    let (client, mut connects) = gated(Client::builder().http2_only());
    let first = spawn(&client, anywhere(), "/first");
    let mut server = Frames::greet(connects.accept().await, 100).await;
    let stream = server.request().await;
    server.answer(stream).await;
    outcome(first).await.unwrap();
    (client, connects, server)
}

#[tokio::test]
async fn on_http1_it_is_sent_on_another_connection_and_nobody_notices() {
    let (client, mut connects, server) = idle_http1().await;
    drop(server);
    // The client has not looked yet.
    let second = get(&client, anywhere(), "/second");
    assert_eq!(stats(&client, anywhere()).rq_active, 1);
    let second = tokio::spawn(async move { text(second.await?).await });
    let mut server = connects.accept().await;
    serve(&mut server).await;
    assert_eq!(outcome(second).await.unwrap(), "Kevin");
    let counters = stats(&client, anywhere()).counters;
    // It got a connection twice.
    assert_eq!((counters.rq_total, counters.cx_total), (3, 2));
    drop(server);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn on_http2_it_is_sent_on_another_connection_and_nobody_notices() {
    for says_goaway in [true, false] {
        let (client, mut connects, mut server) = idle_http2().await;
        if says_goaway {
            server.go_away(1, NO_ERROR).await;
        }
        let silent = says_goaway.then_some(server);
        let second = get(&client, anywhere(), "/second");
        assert_eq!(stats(&client, anywhere()).rq_active, 1);
        let second = tokio::spawn(async move { text(second.await?).await });
        let mut server = Frames::greet(connects.accept().await, 100).await;
        let stream = server.request().await;
        server.answer(stream).await;
        outcome(second).await.unwrap();
        let counters = stats(&client, anywhere()).counters;
        assert_eq!((counters.rq_total, counters.cx_total), (3, 2));
        drop((server, silent));
        nothing_is_left(&client).await;
    }
}

#[tokio::test]
async fn it_is_sent_again_once_and_no_more() {
    for is_http2 in [false, true] {
        let (client, mut connects) = gated(match is_http2 {
            true => Client::builder().http2_only(),
            false => Client::builder(),
        });
        let lost = tokio::spawn(get(&client, anywhere(), "/"));
        // The end of each is there before the request.
        for _ in 0..2 {
            let connect = connects.next().await;
            let (end, other) = duplex(1 << 10);
            let mut server = Frames::over(other);
            if is_http2 {
                server.settings(100).await;
                server.go_away(0, NO_ERROR).await;
                connect.answer(Ok(end));
                server.preface().await;
            } else {
                drop(server);
                connect.answer(Ok(end));
            }
        }
        let error = within(lost).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionLost);
        assert!(!error.may_have_reached_server());
        assert!(!connects.has_more());
        nothing_is_left(&client).await;
    }
}

#[tokio::test]
async fn a_server_that_closes_whatever_it_accepts_costs_a_request_two_connections_at_most() {
    let (listener, addr) = bind().await;
    let server = tokio::spawn(async move {
        let mut accepted = 0;
        while let Ok((socket, _)) = listener.accept().await {
            drop(socket);
            accepted += 1;
            if accepted == 3 {
                break;
            }
        }
    });
    let client = crate::support::client(Limits::new());
    let error = within(get(&client, addr, "/")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    assert!(stats(&client, addr).counters.cx_total <= 2);
    server.abort();
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn one_that_may_have_left_is_not_sent_again() {
    // Read by the server, and not even that.
    for is_read in [true, false] {
        let (client, connects, mut server) = idle_http1().await;
        let lost = tokio::spawn(get(&client, anywhere(), "/lost"));
        match is_read {
            true => assert!(read_head(&mut server).await.starts_with("GET /lost ")),
            false => assert!(within(server.read_u8()).await.is_ok()),
        }
        drop(server);
        let error = within(lost).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionLost);
        assert!(error.may_have_reached_server());
        assert!(error.source().is_some());
        assert!(!connects.has_more());
        nothing_is_left(&client).await;
    }
}

#[tokio::test]
async fn a_stream_that_the_server_has_not_looked_at_is_an_error_that_says_so() {
    for is_goaway in [true, false] {
        let (client, connects, mut server) = idle_http2().await;
        let refused = tokio::spawn(get(&client, anywhere(), "/refused"));
        let stream = server.request().await;
        match is_goaway {
            true => server.go_away(1, NO_ERROR).await,
            false => server.reset(stream, REFUSED_STREAM).await,
        }
        let error = within(refused).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RefusedStream);
        assert!(!error.may_have_reached_server());
        assert!(!connects.has_more(), "a policy for retries decides that");
        drop(server);
        nothing_is_left(&client).await;
    }
}

#[tokio::test]
async fn a_stream_that_the_server_may_have_looked_at_is_lost_with_its_connection() {
    let (client, connects, mut server) = idle_http2().await;
    let lost = tokio::spawn(get(&client, anywhere(), "/lost"));
    let stream = server.request().await;
    server.go_away(stream, NO_ERROR).await;
    drop(server);
    let error = within(lost).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
    assert!(error.may_have_reached_server());
    assert!(!connects.has_more());
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn pending_ones_that_meet_a_dead_connection_keep_their_order() {
    let (client, mut connects) = gated(Client::builder().limits(Limits::new().max_connections(1)));
    let first = spawn(&client, anywhere(), "/0");
    let mut server = connects.accept().await;
    let all: Vec<_> = (1..4)
        .map(|n| spawn(&client, anywhere(), &format!("/{n}")))
        .collect();
    // An answer, and the end of the connection in the same breath.
    serve(&mut server).await;
    drop(server);
    outcome(first).await.unwrap();
    let mut server = connects.accept().await;
    for n in 1..4 {
        let head = read_head(&mut server).await;
        assert!(head.starts_with(&format!("GET /{n} ")), "{head}");
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        server.write_all(answer).await.unwrap();
    }
    for one in all {
        outcome(one).await.unwrap();
    }
    assert_eq!(stats(&client, anywhere()).counters.cx_total, 2);
    drop(server);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn those_that_one_connection_hands_back_are_sent_in_the_order_of_their_coming() {
    const BURST: usize = 20;

    let (client, mut connects, server) = idle_http2().await;
    drop(server);
    // The client has not looked yet.
    let done = Arc::new(Mutex::new(Vec::new()));
    let all: Vec<_> = (0..BURST)
        .map(|n| {
            let (response, done) = (get(&client, anywhere(), "/"), done.clone());
            tokio::spawn(async move {
                response.await.unwrap();
                done.lock().unwrap().push(n);
            })
        })
        .collect();
    assert_eq!(stats(&client, anywhere()).rq_active as usize, BURST);
    let mut server = Frames::greet(connects.accept().await, 100).await;
    for nth in 0..BURST {
        let stream = server.request().await;
        server.answer(stream).await;
        until(|| done.lock().unwrap().len() > nth).await;
    }
    assert!(done.lock().unwrap().iter().copied().eq(0..BURST));
    for one in all {
        within(one).await.unwrap();
    }
    drop(server);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_client_says_goodbye_to_an_idle_http2_connection() {
    let (client, _connects, mut server) = idle_http2().await;
    client.close();
    assert_eq!(server.next().await, Seen::GoAway);
    assert_eq!(server.next().await, Seen::Closed);
    nothing_is_left(&client).await;
}
