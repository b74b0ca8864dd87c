//! The limits, as an upstream sees them.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures::future::join_all;
use meshpool::Limits;
use meshpool::admission::Resource;
use meshpool::outbound::ErrorKind;

use crate::connectors::counted_client;
use crate::support::{
    Pool, client, get, http2_client, nothing_is_left, outcome, spawn, stats, text, until,
    until_load, within,
};
use crate::upstream::Upstream;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_never_more_sockets_than_max_connections() {
    let upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let upstream = upstream.answer_all();
    let (client, sockets) = counted_client(Limits::new().max_connections(4));
    let workers = (0..64).map(|worker| {
        let client = client.clone();
        tokio::spawn(async move {
            for _ in 0..10 {
                let path = format!("/{worker}");
                assert_eq!(
                    text(get(&client, addr, &path).await.unwrap())
                        .await
                        .unwrap(),
                    path
                );
            }
        })
    });
    for worker in within(join_all(workers)).await {
        worker.unwrap();
    }
    assert_eq!((sockets.most(), upstream.most()), (4, 4));
    assert_eq!(upstream.total(), 4, "kept alive");
    assert_eq!(stats(&client, addr).counters.rq_total, 640);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn closing_connections_hold_their_slot_until_the_socket_is_gone() {
    let upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let upstream = upstream.answer_all();
    let limits = Limits::new()
        .max_connections(2)
        .max_requests_per_connection(1);
    let (client, sockets) = counted_client(limits);
    let all = (0..50).map(|_| spawn(&client, addr, "/"));
    for one in within(join_all(all)).await {
        one.unwrap().unwrap();
    }
    assert_eq!(sockets.most(), 2);
    assert_eq!(upstream.total(), 50);
    nothing_is_left(&client).await;
    assert_eq!(stats(&client, addr).counters.cx_max_requests, 50);
}

#[tokio::test]
async fn what_pends_is_served_in_the_order_of_its_coming() {
    let mut upstream = Upstream::http1().await;
    let client = client(Limits::new().max_connections(1));
    let paths: Vec<_> = (0..10).map(|n| format!("/{n}")).collect();
    let all: Vec<_> = paths
        .iter()
        .map(|path| spawn(&client, upstream.addr, path))
        .collect();
    for path in &paths {
        let arrival = upstream.expect(path).await;
        assert!(!upstream.has_more(), "one at a time");
        arrival.answer("");
    }
    for one in all {
        outcome(one).await.unwrap();
    }
    assert_eq!(upstream.total(), 1);
    nothing_is_left(&client).await;
    upstream.until_deserted().await;
}

/// A waker that asks the client about its pool.
struct Asks {
    client: Pool,
    addr: SocketAddr,
    is_woken: AtomicBool,
}

impl Wake for Asks {
    fn wake(self: Arc<Self>) {
        assert_eq!(stats(&self.client, self.addr).rq_pending_active, 0);
        self.is_woken.store(true, Ordering::Release);
    }
}

#[tokio::test]
async fn whoever_pends_is_woken_without_a_lock() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new().max_connections(1));
    let first = spawn(&client, addr, "/first");
    let arrival = upstream.expect("/first").await;
    let asks = Arc::new(Asks {
        client: client.clone(),
        addr,
        is_woken: AtomicBool::new(false),
    });
    let mut second = get(&client, addr, "/second");
    let waker = Waker::from(asks.clone());
    let polled = Pin::new(&mut second).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    arrival.answer("");
    outcome(first).await.unwrap();
    until(|| asks.is_woken.load(Ordering::Acquire)).await;
    let second = tokio::spawn(second);
    upstream.expect("/second").await.answer("");
    text(within(second).await.unwrap().unwrap()).await.unwrap();
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn one_too_many_is_refused_at_once_and_the_error_names_the_limit() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new().max_connections(1).max_pending_requests(2));
    let first = spawn(&client, addr, "/first");
    let arrival = upstream.expect("/first").await;
    let pending = [
        spawn(&client, addr, "/second"),
        spawn(&client, addr, "/third"),
    ];

    let mut refused = tokio_test::task::spawn(get(&client, addr, "/refused"));
    let error = tokio_test::assert_ready!(refused.poll()).unwrap_err();
    let overflow = error.overflow().unwrap();
    assert_eq!(overflow.resource, Resource::MaxPendingRequests);
    assert_eq!(
        (overflow.limit, overflow.active, overflow.pending),
        (2, 1, 2)
    );
    assert!(!error.may_have_reached_server());
    assert_eq!(
        error.to_string(),
        format!("max_pending_requests limit of 2 reached (1 active, 2 pending): http://{addr}"),
    );

    arrival.answer("");
    outcome(first).await.unwrap();
    for (one, path) in pending.into_iter().zip(["/second", "/third"]) {
        upstream.expect(path).await.answer("");
        outcome(one).await.unwrap();
    }
    assert_eq!(upstream.total(), 1, "the refused one cost no connection");
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn with_no_place_to_pend_not_even_the_first_request_gets_a_connection() {
    let upstream = Upstream::http1().await;
    let client = client(Limits::new().max_pending_requests(0));
    let refused = get(&client, upstream.addr, "/").await.unwrap_err();
    let overflow = refused.overflow().unwrap();
    assert_eq!(overflow.resource, Resource::MaxPendingRequests);
    assert_eq!(upstream.total(), 0);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_request_is_active_until_its_response_body_has_ended() {
    let limits = Limits::new().max_requests(1);
    for (mut upstream, client) in [
        (Upstream::http1().await, client(limits)),
        (Upstream::http2().await, http2_client(limits)),
    ] {
        let addr = upstream.addr;
        let first = tokio::spawn(get(&client, addr, "/first"));
        let body = upstream.expect("/first").await.answer_head();
        let response = within(first).await.unwrap().unwrap();
        let refused = get(&client, addr, "/refused").await.unwrap_err();
        assert_eq!(refused.overflow().unwrap().resource, Resource::MaxRequests);

        body.send("Kevin".into()).unwrap();
        drop(body);
        assert_eq!(within(text(response)).await.unwrap(), "Kevin");
        let second = spawn(&client, addr, "/second");
        upstream.expect("/second").await.answer("");
        outcome(second).await.unwrap();
        assert_eq!(upstream.total(), 1);
        nothing_is_left(&client).await;
    }
}

#[tokio::test]
async fn a_connection_is_retired_after_max_requests_per_connection() {
    for (limit, connections) in [(1, 4), (2, 2), (3, 2)] {
        let mut upstream = Upstream::http1().await;
        let client = client(Limits::new().max_requests_per_connection(limit));
        for n in 0..4 {
            let one = spawn(&client, upstream.addr, "/");
            let arrival = upstream.next().await;
            assert_eq!(arrival.nth, n % limit as usize + 1);
            assert_eq!(arrival.request.headers().get("connection"), None);
            arrival.answer("");
            outcome(one).await.unwrap();
        }
        assert_eq!(upstream.total(), connections);
        nothing_is_left(&client).await;
        upstream.until_deserted().await;
    }
}

#[tokio::test]
async fn the_connection_that_became_free_last_is_used_next() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new());
    let mut arrivals = Vec::new();
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(spawn(&client, addr, "/"));
        arrivals.push(upstream.next().await);
    }
    for (arrival, one) in arrivals.into_iter().zip(all) {
        arrival.answer("");
        outcome(one).await.unwrap();
    }
    for _ in 0..3 {
        let one = spawn(&client, addr, "/");
        let arrival = upstream.next().await;
        assert_eq!(arrival.connection, 2);
        arrival.answer("");
        outcome(one).await.unwrap();
    }
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn an_idle_connection_closes_after_the_idle_timeout() {
    let mut upstream = Upstream::http1().await;
    let limits = Limits::new().idle_timeout(Duration::from_millis(20));
    let client = client(limits);
    let one = spawn(&client, upstream.addr, "/");
    let arrival = upstream.next().await;
    // It is not idle while it serves.
    tokio::time::sleep(Duration::from_millis(60)).await;
    arrival.answer("");
    outcome(one).await.unwrap();
    upstream.until_deserted().await;
    assert_eq!(stats(&client, upstream.addr).counters.cx_idle_timeout, 1);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn an_old_connection_closes_when_it_has_done_with_its_request() {
    let mut upstream = Upstream::http1().await;
    let limits = Limits::new().max_connection_duration(Duration::from_millis(20));
    let client = client(limits);
    let one = spawn(&client, upstream.addr, "/");
    let arrival = upstream.next().await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    arrival.answer("Kevin");
    assert_eq!(outcome(one).await.unwrap(), "Kevin");
    upstream.until_deserted().await;
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_request_may_pend_no_longer_than_the_pending_timeout() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = meshpool::outbound::Client::builder()
        .limits(Limits::new().max_connections(1))
        .pending_timeout(Duration::from_millis(200))
        .build(hyper_util::client::legacy::connect::HttpConnector::new());
    let first = spawn(&client, addr, "/first");
    let arrival = upstream.expect("/first").await;
    let error = within(get(&client, addr, "/second")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PendingTimeout);
    assert!(!error.may_have_reached_server() && error.is_timeout());
    // The first one is not pending, and has all the time that it needs.
    arrival.answer("Kevin");
    assert_eq!(outcome(first).await.unwrap(), "Kevin");
    assert!(!upstream.has_more());
    nothing_is_left(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_and_twelve_workers_over_sixty_four_connections_all_come_through() {
    let upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let upstream = upstream.answer_all();
    let (client, sockets) = counted_client(Limits::new().max_connections(64));
    let workers = (0..512).map(|worker| {
        let client = client.clone();
        tokio::spawn(async move {
            for n in 0..8 {
                let response = get(&client, addr, "/").await.unwrap();
                // Some are dropped before they have ended.
                if (worker + n) % 7 == 0 {
                    drop(response);
                } else {
                    text(response).await.unwrap();
                }
            }
        })
    });
    for worker in within(join_all(workers)).await {
        worker.unwrap();
    }
    assert_eq!(sockets.most(), 64);
    nothing_is_left(&client).await;
    assert_eq!(sockets.open(), 0);
    crate::support::until(|| upstream.open() == 0).await;
}

#[tokio::test]
async fn a_closed_client_refuses_and_serves_what_it_had_admitted() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new().max_connections(1));
    let active = spawn(&client, addr, "/active");
    let arrival = upstream.expect("/active").await;
    let pending = spawn(&client, addr, "/pending");
    until_load(&client, addr, 1, 1).await;

    client.close();
    assert!(client.is_closed());
    let error = get(&client, addr, "/late").await.unwrap_err();
    assert_eq!(error.overflow().unwrap().resource, Resource::Closed);
    let elsewhere = "127.0.0.1:9".parse().unwrap();
    let error = get(&client, elsewhere, "/late").await.unwrap_err();
    assert_eq!(error.overflow().unwrap().resource, Resource::Closed);

    arrival.answer("");
    upstream.expect("/pending").await.answer("");
    outcome(active).await.unwrap();
    outcome(pending).await.unwrap();
    within(client.idle()).await;
    upstream.until_deserted().await;
}

#[tokio::test]
async fn a_client_that_is_dropped_closes_its_idle_connections_and_finishes_the_others() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new());
    let [busy, idle] = ["/busy", "/idle"].map(|path| spawn(&client, addr, path));
    let (first, second) = (upstream.next().await, upstream.next().await);
    let (to_busy, to_idle) = match first.path() {
        "/busy" => (first, second),
        _ => (second, first),
    };
    to_idle.answer("");
    outcome(idle).await.unwrap();
    drop(client);
    crate::support::until(|| upstream.open() == 1).await;
    to_busy.answer("Kevin");
    assert_eq!(outcome(busy).await.unwrap(), "Kevin");
    upstream.until_deserted().await;
}
