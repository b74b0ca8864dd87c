//! Connections while they connect: whom they are for, who leaves, how they end.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use meshpool::Limits;
use meshpool::admission::Resource;
use meshpool::outbound::{Client, ErrorKind};
use tokio::io::duplex;

use crate::connectors::{anywhere, gated};
use crate::support::{get, nothing_is_left, outcome, spawn, stats, until, until_load, within};
use crate::upstream::Frames;

#[tokio::test]
async fn max_connections_of_zero_is_one() {
    let (client, mut connects) = gated(Client::builder().limits(Limits::new().max_connections(0)));
    let all = [(); 2].map(|()| spawn(&client, anywhere(), "/"));
    let connect = connects.next().await;
    until_load(&client, anywhere(), 0, 2).await;
    assert!(!connects.has_more());
    connect.fail(io::Error::other("enough"));
    for one in all {
        assert_eq!(outcome(one).await, Err(ErrorKind::ConnectFailed));
    }
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn http2_opens_one_for_all_that_pend() {
    let (client, mut connects) = gated(Client::builder().http2_only());
    let all: Vec<_> = (0..10).map(|_| spawn(&client, anywhere(), "/")).collect();
    let connect = connects.next().await;
    until_load(&client, anywhere(), 0, 10).await;
    assert!(!connects.has_more());
    let mut server = Frames::greet(connect.accept(), 100).await;
    for _ in 0..10 {
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
async fn max_requests_is_judged_when_a_connection_is_there() {
    let limits = Limits::new().max_requests(1);
    let (client, mut connects) = gated(Client::builder().http2_only().limits(limits));
    let served = spawn(&client, anywhere(), "/served");
    let connect = connects.next().await;
    let refused: Vec<_> = (0..2)
        .map(|_| tokio::spawn(get(&client, anywhere(), "/refused")))
        .collect();
    until_load(&client, anywhere(), 0, 3).await;
    let mut server = Frames::greet(connect.accept(), 100).await;
    for one in refused {
        let error = within(one).await.unwrap().unwrap_err();
        let overflow = error.overflow().unwrap();
        assert_eq!(overflow.resource, Resource::MaxRequests);
        assert_eq!((overflow.limit, overflow.active), (1, 1));
        assert!(!error.may_have_reached_server());
    }
    let stream = server.request().await;
    server.answer(stream).await;
    outcome(served).await.unwrap();
    assert_eq!(stats(&client, anywhere()).counters.rq_active_overflow, 2);
    drop(server);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_failed_connect_fails_all_that_pend_and_none_that_is_active() {
    let (client, mut connects) = gated(Client::builder().http2_only().limits(
        // So that the second has a connection of its own.
        Limits::new().max_concurrent_streams(1),
    ));
    let active = spawn(&client, anywhere(), "/active");
    let mut server = Frames::greet(connects.accept().await, 100).await;
    let stream = server.request().await;
    let pending = [(); 3].map(|()| tokio::spawn(get(&client, anywhere(), "/pending")));
    let connect = connects.next().await;
    until_load(&client, anywhere(), 1, 3).await;
    connect.fail(io::Error::other("no route"));
    for one in pending {
        let error = within(one).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectFailed);
        assert_eq!(error.source().unwrap().to_string(), "no route");
    }
    server.answer(stream).await;
    outcome(active).await.unwrap();
    drop(server);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_connect_that_takes_too_long_is_dropped_and_its_slot_is_free() {
    let limits = Limits::new()
        .max_connections(1)
        .connect_timeout(Duration::from_millis(30));
    let (client, mut connects) = gated(Client::builder().limits(limits));
    for _ in 0..3 {
        let one = spawn(&client, anywhere(), "/");
        let connect = connects.next().await;
        assert_eq!(outcome(one).await, Err(ErrorKind::ConnectTimedOut));
        connect.given_up().await;
        until(|| stats(&client, anywhere()).cx_active == 0).await;
    }
    assert_eq!(stats(&client, anywhere()).counters.cx_connect_timeout, 3);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_peer_that_takes_not_even_the_first_bytes_is_a_connect_that_takes_too_long() {
    let limits = Limits::new().connect_timeout(Duration::from_millis(30));
    let (client, mut connects) = gated(Client::builder().http2_only().limits(limits));
    let one = spawn(&client, anywhere(), "/");
    // No room for the preface.
    let (end, _silent) = duplex(1);
    connects.next().await.answer(Ok(end));
    assert_eq!(outcome(one).await, Err(ErrorKind::ConnectTimedOut));
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_client_that_closes_or_is_dropped_serves_those_that_wait_for_a_connect() {
    for is_dropped in [false, true] {
        let (client, mut connects) = gated(Client::builder().http2_only());
        let one = spawn(&client, anywhere(), "/");
        let connect = connects.next().await;
        match is_dropped {
            true => drop(client),
            false => client.close(),
        }
        let mut server = Frames::greet(connect.accept(), 100).await;
        let stream = server.request().await;
        server.answer(stream).await;
        outcome(one).await.unwrap();
    }
}

#[tokio::test]
async fn a_closed_client_gives_up_what_connects_for_nobody() {
    let (client, mut connects) = gated(Client::builder());
    let one = spawn(&client, anywhere(), "/");
    let connect = connects.next().await;
    client.close();
    one.abort();
    connect.given_up().await;
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn callers_who_leave_while_it_connects_leave_nothing() {
    let (client, mut connects) = gated(Client::builder());
    let all: Vec<_> = (0..3).map(|_| spawn(&client, anywhere(), "/")).collect();
    let first = connects.next().await;
    let others = [connects.next().await, connects.next().await];
    for one in all {
        one.abort();
    }
    until_load(&client, anywhere(), 0, 0).await;
    assert_eq!(stats(&client, anywhere()).counters.rq_cancelled, 3);
    // What connects goes on, for whoever comes next.
    assert_eq!(stats(&client, anywhere()).cx_active, 3);
    let idle = first.accept();
    for other in others {
        other.fail(io::Error::other("down"));
    }
    until(|| stats(&client, anywhere()).cx_active == 1).await;
    drop(idle);
    nothing_is_left(&client).await;
}
