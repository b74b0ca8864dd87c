//! Limits that change while they are in force.

use hyper_util::client::legacy::connect::HttpConnector;
use meshpool::Limits;
use meshpool::admission::Resource;
use meshpool::limits::LiveLimits;
use meshpool::outbound::Client;

use crate::chosen::ChosenLimits;
use crate::support::{
    Pool, destination, get, nothing_is_left, outcome, spawn, stats, until, until_load, within,
};
use crate::upstream::Upstream;

fn live(limits: Limits) -> (Pool, LiveLimits) {
    let live = LiveLimits::new(limits);
    let client = Client::builder()
        .limits(live.clone())
        .build(HttpConnector::new());
    (client, live)
}

#[tokio::test]
async fn a_raised_limit_is_used_at_once() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let (client, limits) = live(Limits::new().max_connections(1));
    let all: Vec<_> = (0..3).map(|_| spawn(&client, addr, "/")).collect();
    let first = upstream.next().await;
    until_load(&client, addr, 1, 2).await;

    limits.set(Limits::new().max_connections(3));
    // Nothing else happens than that.
    let (second, third) = (upstream.next().await, upstream.next().await);
    assert_eq!(upstream.open(), 3);
    for arrival in [first, second, third] {
        arrival.answer("");
    }
    for one in all {
        outcome(one).await.unwrap();
    }
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_lowered_limit_drops_nothing_and_sees_the_load_that_is_there() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let (client, limits) = live(Limits::new());
    let all: Vec<_> = (0..3).map(|_| spawn(&client, addr, "/")).collect();
    let mut arrivals = Vec::new();
    for _ in 0..3 {
        arrivals.push(upstream.next().await);
    }

    limits.set(Limits::new().max_requests(1));
    let refused = within(get(&client, addr, "/")).await.unwrap_err();
    assert_eq!(
        refused.overflow().map(|it| (it.limit, it.active)),
        Some((1, 3))
    );
    limits.set(Limits::new().max_connections(1));
    assert_eq!(client.limits(&destination(addr)), Some(limits.get()));
    assert_eq!(stats(&client, addr).rq_active, 3);
    for arrival in arrivals {
        arrival.answer("Kevin");
    }
    for one in all {
        assert_eq!(outcome(one).await.unwrap(), "Kevin");
    }
    // Those in excess close, and one stays for the next.
    until(|| upstream.open() == 1).await;
    let one = spawn(&client, addr, "/");
    let arrival = upstream.next().await;
    assert_eq!(upstream.total(), 3);
    arrival.answer("");
    outcome(one).await.unwrap();
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn idle_connections_in_excess_close_when_the_limit_is_lowered() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let (client, limits) = live(Limits::new());
    let all: Vec<_> = (0..4).map(|_| spawn(&client, addr, "/")).collect();
    let mut arrivals = Vec::new();
    for _ in 0..4 {
        arrivals.push(upstream.next().await);
    }
    for arrival in arrivals {
        arrival.answer("");
    }
    for one in all {
        outcome(one).await.unwrap();
    }
    assert_eq!(upstream.open(), 4);
    limits.set(Limits::new().max_connections(2));
    until(|| upstream.open() == 2).await;
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn limits_that_went_back_and_forth_end_as_they_were_set_last() {
    let upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let upstream = upstream.answer_all();
    let (client, limits) = live(Limits::new().max_connections(1));
    let requests = async {
        for _ in 0..200 {
            within(get(&client, addr, "/")).await.unwrap();
        }
    };
    let changes = async {
        for n in 0..200 {
            limits.set(Limits::new().max_connections(n % 5 + 1));
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(requests, changes);
    assert_eq!(client.limits(&destination(addr)), Some(limits.get()));
    assert!(upstream.most() <= 5);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn each_destination_has_its_own_limits_and_a_change_of_one_leaves_the_others() {
    let (mut one, mut other) = (Upstream::http1().await, Upstream::http1().await);
    let limits = ChosenLimits::default();
    limits.set(destination(one.addr), Limits::new().max_requests(1));
    limits.set(destination(other.addr), Limits::new().max_requests(2));
    let client: Pool = Client::builder()
        .limits(limits.clone())
        .build(HttpConnector::new());
    let first = spawn(&client, one.addr, "/");
    let second = spawn(&client, other.addr, "/");
    let arrivals = [one.next().await, other.next().await];
    let refused = get(&client, one.addr, "/").await.unwrap_err();
    assert_eq!(refused.overflow().unwrap().limit, 1);
    let third = spawn(&client, other.addr, "/");
    let third_arrival = other.next().await;

    limits.set(destination(one.addr), Limits::new().max_requests(2));
    let fourth = spawn(&client, one.addr, "/");
    one.next().await.answer("");
    outcome(fourth).await.unwrap();
    let refused = get(&client, other.addr, "/").await.unwrap_err();
    let overflow = refused.overflow().unwrap();
    assert_eq!((overflow.limit, overflow.active), (2, 2), "as before");
    for arrival in arrivals.into_iter().chain([third_arrival]) {
        arrival.answer("");
    }
    for task in [first, second, third] {
        outcome(task).await.unwrap();
    }
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_lowered_limit_fails_nothing_that_pends() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let (client, limits) = live(Limits::new().max_connections(2));
    let all: Vec<_> = (0..5).map(|_| spawn(&client, addr, "/")).collect();
    let held = [upstream.next().await, upstream.next().await];
    until_load(&client, addr, 2, 3).await;

    let lower = Limits::new()
        .max_connections(1)
        .max_pending_requests(1)
        .max_requests(1)
        .max_requests_per_connection(1);
    limits.set(lower);
    until_load(&client, addr, 2, 3).await;
    let refused = get(&client, addr, "/").await.unwrap_err();
    let overflow = refused.overflow().unwrap();
    assert_eq!(overflow.resource, Resource::MaxPendingRequests);
    assert_eq!((overflow.limit, overflow.pending), (1, 3), "the old load");
    for arrival in held {
        arrival.answer("Kevin");
    }
    for _ in 0..3 {
        let arrival = upstream.next().await;
        assert!(!upstream.has_more(), "one at a time");
        arrival.answer("Kevin");
    }
    for one in all {
        assert_eq!(outcome(one).await.unwrap(), "Kevin");
    }
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn streams_that_are_open_go_on_when_fewer_may_be_and_more_are_used_at_once() {
    let mut upstream = Upstream::http2().await;
    let addr = upstream.addr;
    let limits = LiveLimits::new(Limits::new().max_connections(1).max_concurrent_streams(2));
    let client: Pool = Client::builder()
        .limits(limits.clone())
        .http2_only()
        .build(HttpConnector::new());
    let all: Vec<_> = (0..4).map(|_| spawn(&client, addr, "/")).collect();
    let mut held = vec![upstream.next().await, upstream.next().await];
    until_load(&client, addr, 2, 2).await;
    limits.set(Limits::new().max_connections(1).max_concurrent_streams(1));
    held.pop().unwrap().answer("");
    until_load(&client, addr, 1, 2).await;
    assert!(!upstream.has_more());
    limits.set(Limits::new().max_connections(1));
    held.extend([upstream.next().await, upstream.next().await]);
    for arrival in held {
        arrival.answer("");
    }
    for one in all {
        outcome(one).await.unwrap();
    }
    assert_eq!(upstream.total(), 1);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_limit_on_retries_and_the_idle_timeout_change_live_too() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let (client, limits) = live(Limits::new());
    let one = spawn(&client, addr, "/");
    upstream.next().await.answer("");
    outcome(one).await.unwrap();
    assert_eq!(upstream.open(), 1);
    let timeout = std::time::Duration::from_millis(1);
    limits.set(Limits::new().idle_timeout(timeout).max_retries(0));
    // It was idle before there was a timeout.
    upstream.until_deserted().await;
    assert_eq!(stats(&client, addr).counters.cx_idle_timeout, 1);
    assert!(stats(&client, addr).circuit_breakers.rq_retry_open);
    nothing_is_left(&client).await;
}
