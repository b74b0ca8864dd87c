//! Many destinations: kept apart, forgotten, and bounded together.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use http::{Request, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use meshpool::Limits;
use meshpool::limits::{Destination, Scheme};
use meshpool::outbound::{Builder, Client, ErrorKind};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower::{Service, service_fn};

use crate::connectors::anywhere;
use crate::support::{
    Pool, client, destination, get, nothing_is_left, outcome, spawn, stats, text, until,
    until_load, within,
};
use crate::upstream::Upstream;

#[tokio::test]
async fn limits_count_for_each_destination_by_itself() {
    let (mut one, mut other) = (Upstream::http1().await, Upstream::http1().await);
    let client = client(Limits::new().max_connections(1).max_pending_requests(1));
    let first = spawn(&client, one.addr, "/first");
    let second = spawn(&client, other.addr, "/second");
    one.expect("/first").await.answer("");
    other.expect("/second").await.answer("");
    outcome(first).await.unwrap();
    outcome(second).await.unwrap();
    let mut known = client.destinations();
    known.sort_by_key(Destination::port);
    let mut expected = vec![destination(one.addr), destination(other.addr)];
    expected.sort_by_key(Destination::port);
    assert_eq!(known, expected);
    assert_eq!(stats(&client, one.addr).counters.rq_total, 1);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn destinations_without_requests_and_connections_are_forgotten() {
    let mut upstream = Upstream::http1().await;
    let client: Pool = Client::builder()
        .max_idle_destinations(10)
        .build(HttpConnector::new());
    let kept = spawn(&client, upstream.addr, "/");
    let arrival = upstream.next().await;
    // Each of these fails at once, and leaves an empty destination.
    for port in 1..=200 {
        let mut addr = anywhere();
        addr.set_port(port);
        let refused = within(get(&client, addr, "/")).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectFailed);
        let known = client.destinations().len();
        assert!(known <= 12, "{known} destinations");
    }
    let first = anywhere();
    assert_eq!(client.stats(&destination(first)), None);
    assert_eq!(
        stats(&client, upstream.addr).rq_active,
        1,
        "this one is not empty"
    );
    // One that was forgotten is a destination like any other.
    let again = get(&client, first, "/");
    assert_eq!(
        within(again).await.unwrap_err().kind(),
        ErrorKind::ConnectFailed
    );
    arrival.answer("");
    outcome(kept).await.unwrap();
    nothing_is_left(&client).await;
}

/// A client whose hosts, whatever their names, are all this server.
fn client_of_many_names(addr: SocketAddr, max_idle: usize) -> Pool {
    Client::builder()
        .max_idle_destinations(max_idle)
        .build(service_fn(move |_: Uri| async move {
            Ok::<_, io::Error>(TokioIo::new(TcpStream::connect(addr).await?))
        }))
}

async fn visit(client: &Pool, host: &str) {
    let request = Request::get(format!("http://{host}/"));
    let request = request.body(Full::default()).unwrap();
    let response = within(client.clone().call(request)).await.unwrap();
    within(text(response)).await.unwrap();
}

#[tokio::test]
async fn of_hosts_that_answer_the_longest_idle_close_and_are_forgotten() {
    const KEPT: usize = 10;

    let upstream = Upstream::http1().await;
    let client = client_of_many_names(upstream.addr, KEPT);
    let upstream = upstream.answer_all();
    for host in 0..200 {
        visit(&client, &format!("host-{host}")).await;
        // The sockets that are about to close do so before the next comes.
        until(|| upstream.open() <= 2 * KEPT).await;
        let known = client.destinations().len();
        assert!(known <= 3 * KEPT, "{known} destinations");
    }
    assert_eq!(
        client.stats(&Destination::new(Scheme::Http, "host-0", 80)),
        None
    );
    // The last ones are still connected.
    let total = upstream.total();
    for host in 200 - KEPT..200 {
        visit(&client, &format!("host-{host}")).await;
    }
    assert_eq!(upstream.total(), total);
    nothing_is_left(&client).await;
    until(|| upstream.open() == 0).await;
}

#[tokio::test]
async fn hosts_that_never_answer_are_forgotten_once_nobody_waits_for_them() {
    const KEPT: usize = 10;

    let connecting = Arc::new(());
    let client: Pool = Client::builder().max_idle_destinations(KEPT).build({
        let connecting = Arc::downgrade(&connecting);
        service_fn(move |_: Uri| {
            let one = connecting.upgrade();
            async move {
                let never: io::Result<TokioIo<TcpStream>> = pending().await;
                drop(one);
                never
            }
        })
    });
    for host in 0..200 {
        let request = Request::get(format!("http://host-{host}/"));
        let request = request.body(Full::default()).unwrap();
        let mut response = client.clone().call(request);
        assert!(futures::poll!(&mut response).is_pending());
        drop(response);
        // Those that are given up are so before the next comes.
        until(|| {
            let all = client.destinations().into_iter();
            let all = all.filter_map(|host| client.stats(&host));
            all.map(|stats| stats.cx_active).sum::<u32>() <= 2 * KEPT as u32
        })
        .await;
        assert!(Arc::strong_count(&connecting) <= 1 + 2 * KEPT);
        let known = client.destinations().len();
        assert!(known <= 3 * KEPT, "{known} destinations");
    }
    nothing_is_left(&client).await;
    assert_eq!(Arc::strong_count(&connecting), 1);
}

#[tokio::test]
async fn a_host_with_a_request_is_not_forgotten_however_many_others_come() {
    let mut upstream = Upstream::http1().await;
    let client = client_of_many_names(upstream.addr, 0);
    let busy = Request::get("http://busy/").body(Full::default()).unwrap();
    let busy = tokio::spawn(client.clone().call(busy));
    let arrival = upstream.next().await;
    let upstream = upstream.answer_all();
    for host in 0..20 {
        visit(&client, &format!("host-{host}")).await;
        until(|| upstream.open() <= 2).await;
    }
    let busy_host = Destination::new(Scheme::Http, "busy", 80);
    assert_eq!(client.stats(&busy_host).unwrap().rq_active, 1);
    arrival.answer("");
    text(within(busy).await.unwrap().unwrap()).await.unwrap();
    nothing_is_left(&client).await;
}

fn capped(max: usize) -> Pool {
    Client::builder()
        .max_total_connections(max)
        .build(HttpConnector::new())
}

#[tokio::test]
async fn beyond_the_cap_on_all_connections_requests_pend_until_one_is_gone() {
    let (mut one, mut other) = (Upstream::http1().await, Upstream::http1().await);
    let client = capped(1);
    let first = spawn(&client, one.addr, "/first");
    let arrival = one.expect("/first").await;
    let second = spawn(&client, other.addr, "/second");
    until_load(&client, other.addr, 0, 1).await;
    assert_eq!(other.total(), 0);
    // As soon as the first is idle it makes room.
    arrival.answer("");
    outcome(first).await.unwrap();
    let arrival = other.expect("/second").await;
    until(|| one.open() == 0).await;
    arrival.answer("");
    outcome(second).await.unwrap();
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn an_idle_connection_of_another_destination_makes_room() {
    let (mut one, mut other) = (Upstream::http1().await, Upstream::http1().await);
    let client = capped(2);
    let both = ["/a", "/b"].map(|path| spawn(&client, one.addr, path));
    let arrivals = [one.next().await, one.next().await];
    for arrival in arrivals {
        arrival.answer("");
    }
    for it in both {
        outcome(it).await.unwrap();
    }
    assert_eq!(one.open(), 2);
    let third = spawn(&client, other.addr, "/third");
    other.expect("/third").await.answer("");
    outcome(third).await.unwrap();
    assert_eq!(one.open(), 1, "no more than needed");
    let counters = stats(&client, one.addr).counters;
    assert_eq!(
        (counters.cx_destroy_local, counters.cx_close_notify),
        (1, 0)
    );
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_connection_that_takes_the_place_of_another_closes_no_third() {
    let (one, mut other) = (Upstream::http1().await, Upstream::http1().await);
    let addr = one.addr;
    let client: Pool = Client::builder()
        .limits(Limits::new().max_connections(1))
        .max_total_connections(2)
        .build(HttpConnector::new());
    let one = one.answer_all();
    text(within(get(&client, addr, "/")).await.unwrap())
        .await
        .unwrap();
    // The other's connection is lost under a request while the next one pends.
    let lost = spawn(&client, other.addr, "/lost");
    let arrival = other.expect("/lost").await;
    let next = spawn(&client, other.addr, "/next");
    until_load(&client, other.addr, 1, 1).await;
    drop(arrival);
    assert_eq!(outcome(lost).await, Err(ErrorKind::ConnectionLost));
    other.expect("/next").await.answer("");
    outcome(next).await.unwrap();
    assert_eq!((one.open(), one.total()), (1, 1));
    assert_eq!(stats(&client, addr).counters.cx_destroy, 0);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn room_that_nobody_waited_for_is_there_for_the_next() {
    let (one, other) = (Upstream::http1().await, Upstream::http1().await);
    let addrs = [one.addr, other.addr];
    let client: Pool = Client::builder()
        .limits(Limits::new().max_requests_per_connection(1))
        .max_total_connections(1)
        .build(HttpConnector::new());
    let upstreams = [one.answer_all(), other.answer_all()];
    for addr in addrs.into_iter().cycle().take(6) {
        let response = within(get(&client, addr, "/")).await.unwrap();
        text(response).await.unwrap();
        until(|| stats(&client, addr).cx_active == 0).await;
    }
    assert_eq!(upstreams.map(|upstream| upstream.total()), [3, 3]);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn an_outcome_that_its_caller_has_not_seen_yet_is_nobody_who_waits() {
    let (mut one, mut other) = (Upstream::http1().await, Upstream::http1().await);
    let client: Pool = Client::builder()
        .limits(Limits::new().max_connections(2))
        .max_total_connections(2)
        .build(HttpConnector::new());
    let both = ["/a", "/b"].map(|path| spawn(&client, one.addr, path));
    let arrivals = [one.next().await, one.next().await];
    let unseen = get(&client, one.addr, "/unseen");
    until_load(&client, one.addr, 2, 1).await;
    for arrival in arrivals {
        arrival.answer("");
    }
    for it in both {
        outcome(it).await.unwrap();
    }
    // One connection is its, and one is idle.
    until_load(&client, one.addr, 1, 0).await;
    let third = spawn(&client, other.addr, "/third");
    other.expect("/third").await.answer("");
    outcome(third).await.unwrap();
    let unseen = tokio::spawn(unseen);
    one.expect("/unseen").await.answer("");
    text(within(unseen).await.unwrap().unwrap()).await.unwrap();
    nothing_is_left(&client).await;
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_waits_for_its_turn_has_all_its_time_left_then() {
    let limits = Limits::new().connect_timeout(Duration::from_secs(1));
    let client = nowhere(Client::builder().limits(limits).max_total_connections(1));
    let start = Instant::now();
    let [first, second] = [1, 2].map(|port| {
        let request = get(&client, SocketAddr::from(([127, 0, 0, 1], port)), "/");
        tokio::spawn(async move { (request.await.unwrap_err().kind(), start.elapsed()) })
    });
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    let after = |seconds| (ErrorKind::ConnectTimedOut, Duration::from_secs(seconds));
    // The timer wheel is as fine as a millisecond.
    let whole = |(kind, time): (ErrorKind, Duration)| (kind, Duration::from_secs(time.as_secs()));
    assert_eq!([whole(first), whole(second)], [after(1), after(2)]);
}

/// Connects that never come to an end.
fn nowhere(builder: Builder) -> Pool {
    builder.build(service_fn(|_: Uri| {
        pending::<io::Result<TokioIo<TcpStream>>>()
    }))
}

#[tokio::test]
async fn a_connect_for_nobody_makes_room() {
    let mut upstream = Upstream::http1().await;
    let (here, connector) = (upstream.addr, HttpConnector::new());
    let client: Pool =
        Client::builder()
            .max_total_connections(1)
            .build(service_fn(move |uri: Uri| {
                let mut connector = connector.clone();
                async move {
                    match uri.port_u16() == Some(here.port()) {
                        true => connector.call(uri).await.map_err(io::Error::other),
                        false => pending().await,
                    }
                }
            }));
    let there = SocketAddr::from(([127, 0, 0, 1], 1));
    let black_hole = spawn(&client, there, "/");
    until(|| stats(&client, there).rq_pending_active == 1).await;
    let one = spawn(&client, here, "/");
    until_load(&client, here, 0, 1).await;
    black_hole.abort();
    upstream.next().await.answer("");
    outcome(one).await.unwrap();
    assert_eq!(stats(&client, there).cx_active, 0);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn connects_that_wait_for_room_are_given_up_with_their_requests() {
    let client = nowhere(Client::builder().max_total_connections(1));
    let addrs = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let mut requests = Vec::new();
    for _ in 0..10 {
        requests.extend(addrs.map(|addr| spawn(&client, addr, "/")));
    }
    for addr in addrs {
        until_load(&client, addr, 0, 10).await;
    }
    for one in requests.drain(1..) {
        one.abort();
    }
    until_load(&client, addrs[0], 0, 1).await;
    until_load(&client, addrs[1], 0, 0).await;
    let cx_active = addrs.map(|addr| stats(&client, addr).cx_active);
    assert_eq!(cx_active, [1, 0]);
    requests.pop().unwrap().abort();
    nothing_is_left(&client).await;
}

#[tokio::test(start_paused = true)]
async fn requests_that_fail_with_a_connect_leave_none_that_waits_for_room() {
    let limits = Limits::new().connect_timeout(Duration::from_secs(1));
    let client = nowhere(Client::builder().limits(limits).max_total_connections(1));
    let start = Instant::now();
    let addrs = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let many: Vec<_> = (0..100).map(|_| spawn(&client, addrs[0], "/")).collect();
    let other = spawn(&client, addrs[1], "/");
    for one in many {
        assert_eq!(outcome(one).await, Err(ErrorKind::ConnectTimedOut));
    }
    assert_eq!(outcome(other).await, Err(ErrorKind::ConnectTimedOut));
    assert_eq!(start.elapsed().as_secs(), 2, "its turn was the next");
    nothing_is_left(&client).await;
}

#[test]
fn a_runtime_that_ends_with_many_connects_that_wait_for_room_just_ends() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let client = nowhere(Client::builder().max_total_connections(1));
    // Each makes room for the next: more than a stack would hold, if one ended within the other.
    let addrs = (1..=20_000).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let requests: Vec<_> = {
        let _entered = runtime.enter();
        addrs.map(|addr| get(&client, addr, "/")).collect()
    };
    let pending = || {
        let destinations = client.destinations().into_iter();
        let stats = destinations.filter_map(|it| client.stats(&it));
        stats.map(|it| it.rq_pending_active).sum::<u32>()
    };
    assert_eq!(pending(), 20_000);
    drop(runtime);
    assert_eq!(pending(), 0);
    drop(requests);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_destinations_share_a_few_connections_and_all_come_through() {
    let mut upstreams = Vec::new();
    for _ in 0..8 {
        let upstream = Upstream::http1().await;
        upstreams.push((upstream.addr, upstream.answer_all()));
    }
    let client = capped(3);
    let workers = (0..32).map(|worker| {
        let client = client.clone();
        let addrs: Vec<_> = upstreams.iter().map(|(addr, _)| *addr).collect();
        tokio::spawn(async move {
            for n in 0..20 {
                let addr = addrs[(worker * 5 + n * 3) % addrs.len()];
                text(get(&client, addr, "/").await.unwrap()).await.unwrap();
            }
        })
    });
    for worker in within(join_all(workers)).await {
        worker.unwrap();
    }
    nothing_is_left(&client).await;
    for (_, upstream) in &upstreams {
        until(|| upstream.open() == 0).await;
    }
}
