//! Limits that change while they are in force.

use hyper_util::client::legacy::connect::HttpConnector;
use meshpool::Limits;
use meshpool::limits::LiveLimits;
use meshpool::outbound::Client;

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
