//! HTTP/2: streams, GOAWAY, SETTINGS, resets.

use std::time::Duration;

use futures::future::join_all;
use hyper_util::client::legacy::connect::HttpConnector;
use meshpool::Limits;
use meshpool::outbound::{Client, ErrorKind};

use crate::support::{
    get, http2_client, nothing_is_left, outcome, spawn, stats, until, until_load, within,
};
use crate::upstream::{Frames, Seen, Upstream, bind};

const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_carries_all_and_max_requests_is_the_limit() {
    let mut upstream = Upstream::http2().await;
    let addr = upstream.addr;
    let client = http2_client(Limits::new().max_requests(50));
    let first = spawn(&client, addr, "/");
    upstream.next().await.answer("");
    outcome(first).await.unwrap();

    let mut all: Vec<_> = (0..50).map(|_| spawn(&client, addr, "/")).collect();
    let mut arrivals = Vec::new();
    for _ in 0..50 {
        arrivals.push(upstream.next().await);
    }
    let refused = get(&client, addr, "/").await.unwrap_err();
    assert!(refused.overflow().is_some());
    for arrival in arrivals {
        arrival.answer("Kevin");
    }
    for one in join_all(all.drain(..)).await {
        assert_eq!(one.unwrap().unwrap(), "Kevin");
    }
    assert_eq!(upstream.total(), 1);
    nothing_is_left(&client).await;
    upstream.until_deserted().await;
}

#[tokio::test]
async fn max_concurrent_streams_opens_another_connection() {
    let mut upstream = Upstream::http2().await;
    let addr = upstream.addr;
    let limits = Limits::new().max_concurrent_streams(2).max_connections(2);
    let client = http2_client(limits);
    let all: Vec<_> = (0..5).map(|_| spawn(&client, addr, "/")).collect();
    let mut arrivals = Vec::new();
    for _ in 0..4 {
        arrivals.push(upstream.next().await);
    }
    until_load(&client, addr, 4, 1).await;
    assert_eq!(upstream.total(), 2);
    for connection in [0, 1] {
        let on_it = arrivals.iter().filter(|it| it.connection == connection);
        assert_eq!(on_it.count(), 2);
    }
    arrivals.pop().unwrap().answer("");
    arrivals.push(upstream.next().await);
    for arrival in arrivals {
        arrival.answer("");
    }
    for one in all {
        outcome(one).await.unwrap();
    }
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn after_goaway_streams_go_on_and_new_requests_go_elsewhere() {
    let (listener, addr) = bind().await;
    let client = http2_client(Limits::new());
    let first = spawn(&client, addr, "/first");
    let mut old = Frames::accept(&listener, 100).await;
    let stream = old.request().await;
    old.go_away(stream, NO_ERROR).await;
    // It is heard of without a request that would run into it.
    until(|| stats(&client, addr).counters.cx_close_notify == 1).await;

    let second = spawn(&client, addr, "/second");
    let mut new = Frames::accept(&listener, 100).await;
    let other = new.request().await;
    assert_eq!(
        stats(&client, addr).cx_active,
        2,
        "a draining one holds its slot"
    );
    new.answer(other).await;
    outcome(second).await.unwrap();

    old.answer(stream).await;
    outcome(first).await.unwrap();
    // It ends with its last stream, by either side's hand.
    while old.next().await != Seen::Closed {}
    until(|| stats(&client, addr).cx_active == 1).await;
    drop(new);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_stream_beyond_the_last_of_a_goaway_never_reached_the_server() {
    let (listener, addr) = bind().await;
    let client = http2_client(Limits::new());
    let kept = spawn(&client, addr, "/kept");
    let mut server = Frames::accept(&listener, 100).await;
    let first = server.request().await;
    let refused = tokio::spawn(get(&client, addr, "/refused"));
    server.request().await;
    server.go_away(first, NO_ERROR).await;
    let error = within(refused).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RefusedStream);
    assert!(!error.may_have_reached_server());
    server.answer(first).await;
    outcome(kept).await.unwrap();
    drop(server);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_reset_fails_that_request_alone() {
    let (listener, addr) = bind().await;
    let client = http2_client(Limits::new());
    let kept = spawn(&client, addr, "/kept");
    let mut server = Frames::accept(&listener, 100).await;
    let first = server.request().await;
    for (reason, kind, may_have_reached) in [
        (INTERNAL_ERROR, ErrorKind::Reset, true),
        (REFUSED_STREAM, ErrorKind::RefusedStream, false),
    ] {
        let reset = tokio::spawn(get(&client, addr, "/reset"));
        let stream = server.request().await;
        server.reset(stream, reason).await;
        let error = within(reset).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.may_have_reached_server(), may_have_reached);
    }
    assert_eq!(stats(&client, addr).counters.rq_rx_reset, 1);
    server.answer(first).await;
    outcome(kept).await.unwrap();
    assert_eq!(stats(&client, addr).cx_active, 1);
    drop(server);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn settings_lower_and_raise_the_streams_of_a_connection_live() {
    let (listener, addr) = bind().await;
    let client = http2_client(Limits::new().max_connections(1));
    let first = spawn(&client, addr, "/0");
    let mut server = Frames::accept(&listener, 100).await;
    let stream = server.request().await;

    // None at all: the one that is there goes on, the next pends.
    server.settings(0).await;
    server.answer(stream).await;
    outcome(first).await.unwrap();
    let mut all: Vec<_> = (0..3).map(|_| spawn(&client, addr, "/")).collect();
    until_load(&client, addr, 0, 3).await;

    server.settings(2).await;
    let (one, two) = (server.request().await, server.request().await);
    until_load(&client, addr, 2, 1).await;
    server.answer(one).await;
    let three = server.request().await;
    all.push(spawn(&client, addr, "/"));
    until_load(&client, addr, 2, 1).await;

    server.settings(100).await;
    let four = server.request().await;
    for stream in [two, three, four] {
        server.answer(stream).await;
    }
    for one in all {
        outcome(one).await.unwrap();
    }
    drop(server);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn settings_of_no_streams_before_anything_let_a_later_request_wait_until_there_are_some() {
    let (listener, addr) = bind().await;
    let client = http2_client(Limits::new().max_connections(1));
    // The request for which the connection is opened leaves before the settings are there.
    let first = spawn(&client, addr, "/first");
    let mut server = Frames::accept(&listener, 0).await;
    let stream = server.request().await;
    server.answer(stream).await;
    outcome(first).await.unwrap();

    let second = spawn(&client, addr, "/second");
    until_load(&client, addr, 0, 1).await;
    server.settings(1).await;
    let stream = server.request().await;
    server.answer(stream).await;
    outcome(second).await.unwrap();
    drop(server);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_peer_that_takes_a_hundred_streams_is_believed() {
    let (listener, addr) = bind().await;
    let client = http2_client(Limits::new().max_connections(1));
    let first = spawn(&client, addr, "/");
    // What hyper assumes of a peer that has not spoken.
    let mut server = Frames::accept(&listener, 100).await;
    let stream = server.request().await;
    server.answer(stream).await;
    outcome(first).await.unwrap();
    let all: Vec<_> = (0..101).map(|_| spawn(&client, addr, "/")).collect();
    until_load(&client, addr, 100, 1).await;
    for _ in 0..101 {
        let stream = server.request().await;
        server.answer(stream).await;
    }
    for one in all {
        outcome(one).await.unwrap();
    }
    drop(server);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_lost_connection_fails_its_streams_and_the_next_gets_another() {
    let (listener, addr) = bind().await;
    let client = http2_client(Limits::new());
    let all: Vec<_> = (0..3)
        .map(|_| tokio::spawn(get(&client, addr, "/")))
        .collect();
    let mut server = Frames::accept(&listener, 100).await;
    for _ in 0..3 {
        server.request().await;
    }
    drop(server);
    for one in all {
        let error = within(one).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
        assert!(error.may_have_reached_server());
    }
    let next = spawn(&client, addr, "/");
    let mut server = Frames::accept(&listener, 100).await;
    let stream = server.request().await;
    server.answer(stream).await;
    outcome(next).await.unwrap();
    drop(server);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn what_is_not_http2_is_an_invalid_response() {
    use tokio::io::AsyncWriteExt;

    let (listener, addr) = bind().await;
    let client = http2_client(Limits::new());
    let one = tokio::spawn(get(&client, addr, "/"));
    let (mut socket, _) = within(listener.accept()).await.unwrap();
    let answer = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    socket.write_all(answer.as_bytes()).await.unwrap();
    let error = within(one).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{error:?}");
    drop(socket);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_peer_that_does_not_answer_a_ping_has_lost_its_connection() {
    let (listener, addr) = bind().await;
    let client = Client::builder()
        .http2_only()
        .http2_keep_alive_interval(Duration::from_millis(30))
        .http2_keep_alive_timeout(Duration::from_millis(30))
        .build(HttpConnector::new());
    let one = tokio::spawn(get(&client, addr, "/"));
    let mut server = Frames::accept(&listener, 100).await;
    server.request().await;
    // From here on it reads nothing.
    let error = within(one).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost, "{error:?}");
    assert!(error.may_have_reached_server());
    drop(server);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn limits_bring_pings_of_their_own_for_idle_connections_too() {
    let (listener, addr) = bind().await;
    let often = Duration::from_millis(30);
    let client = http2_client(Limits::new().http2_keep_alive((often, often)));
    let one = spawn(&client, addr, "/");
    let mut server = Frames::accept(&listener, 100).await;
    let stream = server.request().await;
    server.answer(stream).await;
    outcome(one).await.unwrap();
    // From here on it reads nothing.
    until(|| stats(&client, addr).cx_active == 0).await;
    drop(server);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn its_requests_have_no_tasks() {
    let (listener, addr) = bind().await;
    let client = http2_client(Limits::new());
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let mut one = get(&client, addr, "/");
    let mut server = tokio::select! {
        _ = &mut one => panic!("nobody answers"),
        server = async {
            let mut server = Frames::accept(&listener, 1000).await;
            server.request().await;
            server
        } => server,
    };
    let before = tasks();
    let mut others = join_all((0..100).map(|_| get(&client, addr, "/")));
    let all_are_there = async {
        for _ in 0..100 {
            server.request().await;
        }
    };
    tokio::select! {
        _ = &mut others => panic!("nobody answers"),
        _ = all_are_there => {}
    }
    assert_eq!(stats(&client, addr).rq_active, 101);
    assert_eq!(tasks(), before);
    drop((one, others));
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_flood_of_resets_harms_no_other_stream() {
    let (listener, addr) = bind().await;
    let client = http2_client(Limits::new());
    let kept = spawn(&client, addr, "/kept");
    let mut server = Frames::accept(&listener, 1000).await;
    let first = server.request().await;
    let all: Vec<_> = (0..500).map(|_| spawn(&client, addr, "/")).collect();
    for _ in 0..500 {
        let stream = server.request().await;
        server.reset(stream, INTERNAL_ERROR).await;
    }
    for one in all {
        assert_eq!(outcome(one).await, Err(ErrorKind::Reset));
    }
    server.answer(first).await;
    outcome(kept).await.unwrap();
    drop(server);
    nothing_is_left(&client).await;
}
