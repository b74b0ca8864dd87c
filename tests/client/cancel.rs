//! Callers that leave.

use std::future::pending;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::Uri;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use meshpool::Limits;
use meshpool::outbound::Client;
use tokio::net::TcpStream;
use tower::service_fn;

use crate::support::{
    Pool, client, get, http2_client, nothing_is_left, outcome, spawn, stats, until, until_load,
    within,
};
use crate::upstream::{Frames, Seen, Upstream, bind};

#[tokio::test]
async fn one_that_pends_leaves_the_queue_and_the_others_keep_their_places() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new().max_connections(1).max_pending_requests(3));
    let first = spawn(&client, addr, "/0");
    let arrival = upstream.expect("/0").await;
    let mut pending: Vec<_> = ["/1", "/2", "/3"]
        .map(|path| Some(spawn(&client, addr, path)))
        .into();
    until_load(&client, addr, 1, 3).await;
    pending[1].take().unwrap().abort();
    until_load(&client, addr, 1, 2).await;
    assert_eq!(stats(&client, addr).counters.rq_cancelled, 1);
    // Its place is free.
    pending.push(Some(spawn(&client, addr, "/4")));
    arrival.answer("");
    for path in ["/1", "/3", "/4"] {
        upstream.expect(path).await.answer("");
    }
    outcome(first).await.unwrap();
    for one in pending.into_iter().flatten() {
        outcome(one).await.unwrap();
    }
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_hundred_thousand_may_pend_and_leave_in_any_order() {
    const ALL: usize = 100_000;
    // It has no divisor in common with their number.
    const STRIDE: usize = 7919;

    let nowhere = service_fn(|_: Uri| pending::<io::Result<TokioIo<TcpStream>>>());
    let client: Pool = Client::builder()
        .limits(Limits::new().max_connections(1))
        .build(nowhere);
    let addr = SocketAddr::from(([127, 0, 0, 1], 1));
    let mut requests = Vec::new();
    for _ in 0..ALL {
        let mut request = get(&client, addr, "/");
        assert!(futures::poll!(&mut request).is_pending());
        requests.push(Some(request));
    }
    let load = || stats(&client, addr).rq_pending_active as usize;
    assert_eq!(load(), ALL);
    // A search among those that pend would take minutes.
    for n in 0..ALL {
        requests[n * STRIDE % ALL] = None;
    }
    assert_eq!(load(), 0);
    assert_eq!(stats(&client, addr).counters.rq_cancelled, ALL as u64);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn one_that_was_never_polled_gives_its_connection_back_unused() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new().max_connections(1));
    let first = spawn(&client, addr, "/");
    upstream.next().await.answer("");
    outcome(first).await.unwrap();

    // This one has the connection.
    let unpolled = get(&client, addr, "/unpolled");
    let second = spawn(&client, addr, "/second");
    assert_eq!(stats(&client, addr).rq_active, 1);
    drop(unpolled);
    upstream.expect("/second").await.answer("");
    outcome(second).await.unwrap();
    assert_eq!(upstream.total(), 1, "the connection was as good as before");
    assert_eq!(stats(&client, addr).counters.cx_destroy, 0);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn one_that_leaves_with_a_connection_that_it_has_not_used_gives_it_to_the_next() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new().max_connections(1));
    let first = spawn(&client, addr, "/first");
    let arrival = upstream.expect("/first").await;
    let unpolled = get(&client, addr, "/unpolled");
    let second = spawn(&client, addr, "/second");
    until_load(&client, addr, 1, 2).await;
    arrival.answer("");
    outcome(first).await.unwrap();
    // It is the one that pended first.
    until_load(&client, addr, 1, 1).await;
    drop(unpolled);
    let arrival = upstream.expect("/second").await;
    assert_eq!((arrival.connection, arrival.nth), (0, 2));
    arrival.answer("");
    outcome(second).await.unwrap();
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn an_active_one_takes_its_http1_connection_with_it() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new().max_connections(1));
    let first = spawn(&client, addr, "/first");
    let arrival = upstream.expect("/first").await;
    let second = spawn(&client, addr, "/second");
    until_load(&client, addr, 1, 1).await;
    first.abort();
    // Not before the first socket is closed is there a second.
    let next = upstream.expect("/second").await;
    assert_eq!(next.connection, 1);
    next.answer("");
    outcome(second).await.unwrap();
    drop(arrival);
    nothing_is_left(&client).await;
    upstream.until_deserted().await;
}

#[tokio::test]
async fn a_body_dropped_midway_takes_its_http1_connection_with_it() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new().max_connections(1));
    let first = tokio::spawn(get(&client, addr, "/first"));
    let body = upstream.expect("/first").await.answer_head();
    body.send(Bytes::from_static(b"half")).unwrap();
    let mut response = within(first).await.unwrap().unwrap();
    let frame = within(response.frame()).await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "half");
    assert_eq!(stats(&client, addr).rq_active, 1);
    drop(response);
    assert_eq!(stats(&client, addr).rq_active, 0, "at once");
    let second = spawn(&client, addr, "/second");
    let arrival = upstream.expect("/second").await;
    assert_eq!(arrival.connection, 1);
    arrival.answer("");
    outcome(second).await.unwrap();
    nothing_is_left(&client).await;
    upstream.until_deserted().await;
}

#[tokio::test]
async fn on_http2_it_is_off_the_wire_before_the_next_is_on_it() {
    let (listener, addr) = bind().await;
    let client = http2_client(Limits::new().max_requests(1));
    let mut requests = vec![get(&client, addr, "/0")];
    let mut server = None;
    for path in ["/1", "/2", "/3"] {
        let mut last = requests.pop().unwrap();
        // Polled here, in one task with the next.
        let seen = async {
            let server = match &mut server {
                Some(server) => server,
                none => none.insert(Frames::accept(&listener, 100).await),
            };
            server.request().await
        };
        let stream = tokio::select! {
            _ = &mut last => panic!("nobody answers"),
            stream = seen => stream,
        };
        drop(last);
        requests.push(get(&client, addr, path));
        let reset = server.as_mut().unwrap().next();
        tokio::select! {
            _ = &mut requests[0] => panic!("nobody answers"),
            seen = reset => assert_eq!(seen, Seen::Reset(stream)),
        }
    }
    drop(requests);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn an_active_one_on_http2_is_reset_and_the_connection_stays() {
    let (listener, addr) = bind().await;
    let client = http2_client(Limits::new().max_requests_per_connection(3));
    let first = spawn(&client, addr, "/first");
    let mut server = Frames::accept(&listener, 100).await;
    let stream = server.request().await;
    first.abort();
    assert_eq!(server.next().await, Seen::Reset(stream));
    until(|| stats(&client, addr).rq_active == 0).await;
    assert_eq!(stats(&client, addr).counters.rq_tx_reset, 1);

    // And one midway in its body.
    let second = tokio::spawn(get(&client, addr, "/second"));
    let stream = server.request().await;
    server.answer_head(stream).await;
    let response = within(second).await.unwrap().unwrap();
    drop(response);
    assert_eq!(stats(&client, addr).rq_active, 0, "at once");
    assert_eq!(server.next().await, Seen::Reset(stream));

    // Both have used up one of the connection's three.
    let third = spawn(&client, addr, "/third");
    let stream = server.request().await;
    server.answer(stream).await;
    outcome(third).await.unwrap();
    assert_eq!(server.next().await, Seen::GoAway);
    assert_eq!(server.next().await, Seen::Closed);
    drop(server);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn the_one_that_an_open_connect_was_for_leaves_and_the_connection_is_kept() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new());
    drop(get(&client, addr, "/gone"));
    until(|| upstream.open() == 1).await;
    let second = spawn(&client, addr, "/second");
    let arrival = upstream.expect("/second").await;
    arrival.answer("");
    outcome(second).await.unwrap();
    nothing_is_left(&client).await;
}
