//! Retries: when there is one, what limits them, and who may have the slot when.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use meshpool::Limits;
use meshpool::admission::Resource;
use meshpool::limits::{LiveLimits, RetryBudget};
use meshpool::outbound::retry::{NotRetried, RetryOn, RetryPolicy, RetryRecord};
use meshpool::outbound::{Client, Error, ErrorKind, ResponseBody};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;
use tower::ServiceExt;
use tower::retry::Retry;

use crate::connectors::{anywhere, gated, read_head};
use crate::support::{
    Pool, builder, client, destination, get, http2_client, nothing_is_left, request, spawn, stats,
    text, until, until_load, within,
};
use crate::upstream::{Arrival, Frames, Upstream, bind};

type Outcome = Result<Response<ResponseBody>, Error>;

/// Retries whatever may be worth it, at once.
fn policy(client: &Pool) -> RetryPolicy<Full<Bytes>> {
    RetryPolicy::new(client)
        .on(RetryOn::SERVER_ERROR)
        .back_off(Duration::ZERO, Duration::ZERO)
}

/// A request that may be retried, in the background.
fn retried(
    client: &Pool,
    policy: &RetryPolicy<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> JoinHandle<Outcome> {
    let service = Retry::new(policy.clone(), client.clone());
    tokio::spawn(service.oneshot(request))
}

async fn outcome(task: JoinHandle<Outcome>) -> Result<(StatusCode, String), ErrorKind> {
    match within(task).await.expect("no panic") {
        Ok(response) => Ok((response.status(), text(response).await.unwrap())),
        Err(error) => Err(error.kind()),
    }
}

fn unavailable(arrival: Arrival, text: &'static str) {
    let mut response = Response::new(Full::from(text).boxed());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    arrival.answer_with(response);
}

fn ok(text: &str) -> Result<(StatusCode, String), ErrorKind> {
    Ok((StatusCode::OK, text.to_owned()))
}

fn retries(client: &Pool, addr: SocketAddr) -> (u32, u64, u64) {
    let stats = stats(client, addr);
    let counters = stats.counters;
    (
        stats.retries_active,
        counters.rq_retry,
        counters.rq_retry_overflow,
    )
}

#[tokio::test]
async fn a_slot_is_held_to_the_outcome_and_without_one_the_response_in_hand_is_the_answer() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new().max_retries(1));
    let policy = policy(&client);
    let first = retried(&client, &policy, request(addr, "/first"));
    unavailable(upstream.expect("/first").await, "no");
    let held = upstream.expect("/first").await;
    assert_eq!(retries(&client, addr), (1, 1, 0));

    let record = RetryRecord::default();
    let mut other = request(addr, "/other");
    other.extensions_mut().insert(record.clone());
    let other = retried(&client, &policy, other);
    unavailable(upstream.expect("/other").await, "not now");
    let passed = (StatusCode::SERVICE_UNAVAILABLE, "not now".to_owned());
    assert_eq!(outcome(other).await, Ok(passed));
    assert_eq!(retries(&client, addr), (1, 1, 1));
    assert_eq!(record.not_retried(), Some(NotRetried::Overflow));
    assert_eq!(record.retries(), 0);

    held.answer("ok");
    assert_eq!(outcome(first).await, ok("ok"));
    assert_eq!(retries(&client, addr), (0, 1, 1));
    assert_eq!(policy.stats().success, 1);
    // And the next can have it.
    let next = retried(&client, &policy, request(addr, "/next"));
    unavailable(upstream.expect("/next").await, "no");
    upstream.expect("/next").await.answer("ok");
    assert_eq!(outcome(next).await, ok("ok"));
    assert_eq!(retries(&client, addr), (0, 2, 1));
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_slot_is_held_while_its_retry_backs_off_and_given_back_when_that_is_dropped() {
    const LONG: Duration = Duration::from_secs(3600);

    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new().max_retries(1));
    let policy = policy(&client).back_off(LONG, LONG);
    let task = retried(&client, &policy, request(addr, "/"));
    unavailable(upstream.next().await, "no");
    until(|| retries(&client, addr) == (1, 1, 0)).await;
    // The response was dropped, so that nothing is active meanwhile.
    until_load(&client, addr, 0, 0).await;
    assert!(!upstream.has_more());
    task.abort();
    until(|| retries(&client, addr) == (0, 1, 0)).await;
    assert_eq!(policy.stats().success, 0, "it has no outcome");
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_retry_goes_to_the_tail_and_is_dropped_there_with_its_slot() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new().max_connections(1).max_retries(1));
    let policy = policy(&client);
    let first = retried(&client, &policy, request(addr, "/first"));
    let to_lose = upstream.expect("/first").await;
    let second = spawn(&client, addr, "/second");
    until_load(&client, addr, 1, 1).await;

    drop(to_lose);
    let held = upstream.expect("/second").await;
    until_load(&client, addr, 1, 1).await;
    assert_eq!(retries(&client, addr), (1, 1, 0));
    let third = spawn(&client, addr, "/third");
    until_load(&client, addr, 1, 2).await;
    held.answer("");
    let retry = upstream.expect("/first").await;
    until_load(&client, addr, 1, 1).await;
    drop(retry);
    // It had its one retry.
    assert_eq!(outcome(first).await, Err(ErrorKind::ConnectionLost));
    assert_eq!(policy.stats().limit_exceeded, 1);

    let held = upstream.expect("/third").await;
    let fourth = retried(&client, &policy, request(addr, "/fourth"));
    until_load(&client, addr, 1, 1).await;
    fourth.abort();
    until_load(&client, addr, 1, 0).await;
    held.answer("");
    for task in [second, third] {
        within(task).await.unwrap().unwrap();
    }
    assert_eq!(retries(&client, addr), (0, 1, 0));
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_retry_needs_a_place_and_its_overflow_is_not_retried() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let limits = LiveLimits::new(Limits::new());
    let client: Pool = Client::builder()
        .limits(limits.clone())
        .build(HttpConnector::new());
    let policy = policy(&client).retries(5);
    let task = retried(&client, &policy, request(addr, "/"));
    let arrival = upstream.next().await;
    limits.set(Limits::new().max_pending_requests(0));
    drop(arrival);
    let Err(ErrorKind::Overflow(overflow)) = outcome(task).await else {
        panic!("there is no place");
    };
    assert_eq!(overflow.resource, Resource::MaxPendingRequests);
    assert_eq!(retries(&client, addr), (0, 1, 0));
    assert_eq!(policy.stats().success, 1, "as Envoy counts");
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_budget_takes_the_load_for_its_measure() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let budget = RetryBudget::new().percent(50.0).min_concurrency(0);
    let client = client(Limits::new().retry_budget(budget));
    let policy = policy(&client);
    let all = [(); 4].map(|()| retried(&client, &policy, request(addr, "/")));
    let mut arrivals = Vec::new();
    for _ in &all {
        arrivals.push(upstream.next().await);
    }
    // Each is active when it is decided on, and its retry is when the next one is.
    let mut held = Vec::new();
    for _ in 0..2 {
        unavailable(arrivals.pop().unwrap(), "no");
        held.push(upstream.next().await);
    }
    assert_eq!(retries(&client, addr), (2, 2, 0));
    unavailable(arrivals.pop().unwrap(), "no");
    until(|| retries(&client, addr) == (2, 2, 1)).await;
    for arrival in arrivals.into_iter().chain(held) {
        arrival.answer("");
    }
    let mut statuses = Vec::new();
    for task in all {
        statuses.push(outcome(task).await.unwrap().0.as_u16());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 503]);
    nothing_is_left(&client).await;
}

/// What an attempt comes to.
#[derive(Clone, Copy, Debug)]
enum Attempt {
    Answered(&'static str),
    BrokenOff,
    Late,
}

/// As Envoy was seen to do it, which ends an attempt on HTTP/1 after the decision on a retry, and
/// on HTTP/2 before.
#[tokio::test]
async fn an_attempt_on_http1_is_of_the_load_that_the_budget_for_its_retry_is_a_share_of() {
    for (is_http2, attempt, is_retried) in [
        (false, Attempt::Answered("no"), true),
        (false, Attempt::Answered(""), true),
        (false, Attempt::BrokenOff, true),
        (false, Attempt::Late, true),
        (true, Attempt::Answered("no"), true),
        (true, Attempt::Answered(""), false),
        (true, Attempt::BrokenOff, false),
        (true, Attempt::Late, false),
    ] {
        let mut upstream = Upstream::start(is_http2).await;
        let addr = upstream.addr;
        let budget = RetryBudget::new().percent(50.0).min_concurrency(0);
        let mut builder = builder(is_http2).limits(Limits::new().retry_budget(budget));
        if let Attempt::Late = attempt {
            builder = builder.response_timeout(Duration::from_millis(50));
        }
        let client: Pool = builder.build(HttpConnector::new());
        let beside = tokio::spawn(get(&client, addr, "/"));
        let _rest = upstream.next().await.answer_head();
        // Active until its response has ended, which it never does.
        let beside = within(beside).await.unwrap().unwrap();

        // Half of two is one.
        let retried = retried(&client, &policy(&client), request(addr, "/"));
        let arrival = upstream.next().await;
        match attempt {
            Attempt::Answered(text) => unavailable(arrival, text),
            Attempt::BrokenOff => drop(arrival),
            Attempt::Late => {
                until(|| client.stats(&destination(addr)).unwrap().rq_active == 1).await;
            }
        }
        let decided = || {
            let (_, retried, refused) = retries(&client, addr);
            (retried, refused)
        };
        until(|| decided() != (0, 0)).await;
        let expected = (u64::from(is_retried), u64::from(!is_retried));
        assert_eq!(decided(), expected, "{is_http2} {attempt:?}");
        retried.abort();
        drop(beside);
        nothing_is_left(&client).await;
    }
}

/// Its body is on its way though its response is complete, so that it is active, and an attempt
/// that has ended all the same.
#[tokio::test]
async fn an_attempt_that_its_connection_has_not_done_with_is_of_that_load_once() {
    let addr = anywhere();
    let budget = RetryBudget::new().percent(50.0).min_concurrency(0);
    let limits = Limits::new().retry_budget(budget);
    let (client, mut connects) = gated(Client::builder().limits(limits));
    for nth in 1..=2 {
        // More than the connection holds.
        let body = Full::from(vec![0; 1 << 20]);
        let request = Request::post(format!("http://{addr}/")).body(body);
        let task = retried(&client, &policy(&client), request.unwrap());
        let mut server = connects.accept().await;
        read_head(&mut server).await;
        let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
        server.write_all(answer).await.unwrap();
        // Half of one is none.
        let status = outcome(task).await.unwrap().0;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(stats(&client, addr).rq_active, 1);
        assert_eq!(retries(&client, addr), (0, 0, nth));
        drop(server);
        until(|| stats(&client, addr).cx_active == 0).await;
    }
    // Those are no load any more: half of this and the one that is lost is one.
    let beside = spawn(&client, addr, "/beside");
    let _held = connects.accept().await;
    let task = retried(&client, &policy(&client), request(addr, "/lost"));
    let mut server = connects.accept().await;
    read_head(&mut server).await;
    drop(server);
    let _again = connects.accept().await;
    assert_eq!(retries(&client, addr), (1, 1, 2));
    for one in [task.abort_handle(), beside.abort_handle()] {
        one.abort();
    }
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn by_default_only_what_cannot_have_reached_the_server_is_retried() {
    let (listener, addr) = bind().await;
    let client = http2_client(Limits::new());
    let policy = RetryPolicy::new(&client).back_off(Duration::ZERO, Duration::ZERO);
    let refused = retried(&client, &policy, request(addr, "/"));
    let mut frames = Frames::accept(&listener, 10).await;
    let stream = frames.request().await;
    frames
        .reset(stream, h2::Reason::REFUSED_STREAM.into())
        .await;
    let stream = frames.request().await;
    frames.answer(stream).await;
    assert_eq!(outcome(refused).await, ok(""));

    let reset = retried(&client, &policy, request(addr, "/"));
    let stream = frames.request().await;
    frames.reset(stream, h2::Reason::CANCEL.into()).await;
    assert_eq!(outcome(reset).await, Err(ErrorKind::Reset));
    assert_eq!(retries(&client, addr), (0, 1, 0));
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_server_that_is_down_is_tried_as_often_as_that_and_no_more() {
    let (listener, addr) = bind().await;
    drop(listener);
    let client = client(Limits::new());
    let policy = policy(&client).retries(3);
    let record = RetryRecord::default();
    let mut request = request(addr, "/");
    request.extensions_mut().insert(record.clone());
    let task = retried(&client, &policy, request);
    assert_eq!(outcome(task).await, Err(ErrorKind::ConnectFailed));
    assert_eq!(stats(&client, addr).counters.cx_connect_fail, 4);
    assert_eq!(record.retries(), 3);
    assert_eq!(record.not_retried(), Some(NotRetried::LimitExceeded));
    assert_eq!(policy.stats().limit_exceeded, 1);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_destination_with_a_retry_that_backs_off_is_not_forgotten() {
    const LONG: Duration = Duration::from_secs(3600);

    let (listener, addr) = bind().await;
    drop(listener);
    let client: Pool = Client::builder()
        .limits(Limits::new().max_retries(1))
        .max_idle_destinations(0)
        .build(HttpConnector::new());
    let policy = policy(&client).back_off(LONG, LONG);
    let first = retried(&client, &policy, request(addr, "/"));
    until(|| {
        client
            .stats(&destination(addr))
            .is_some_and(|it| it.retries_active == 1)
    })
    .await;
    // Each of these has the empty ones forgotten.
    for port in 1..4 {
        let other = format!("127.0.0.1:{port}").parse().unwrap();
        assert!(within(get(&client, other, "/")).await.is_err());
    }
    let second = retried(&client, &policy, request(addr, "/"));
    assert_eq!(outcome(second).await, Err(ErrorKind::ConnectFailed));
    assert_eq!(retries(&client, addr), (1, 1, 1));

    first.abort();
    until(|| retries(&client, addr).0 == 0).await;
    for port in 1..4 {
        let other = format!("127.0.0.1:{port}").parse().unwrap();
        assert!(within(get(&client, other, "/")).await.is_err());
    }
    assert_eq!(client.stats(&destination(addr)), None, "now it is");
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_retry_is_the_same_request() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new());
    let request = Request::put(format!("http://{addr}/path?query"))
        .header("x-header", "value")
        .body(Full::from("body"))
        .unwrap();
    let task = retried(&client, &policy(&client), request);
    for last in [false, true] {
        let mut arrival = upstream.next().await;
        let request = &mut arrival.request;
        assert_eq!(request.method(), "PUT");
        assert_eq!(request.uri(), "/path?query");
        assert_eq!(request.headers()["x-header"], "value");
        assert_eq!(request.headers()["host"], addr.to_string());
        let body = within(request.body_mut().collect()).await.unwrap();
        assert_eq!(body.to_bytes(), "body");
        match last {
            false => unavailable(arrival, "no"),
            true => arrival.answer("ok"),
        }
    }
    assert_eq!(outcome(task).await, ok("ok"));
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_body_that_there_is_only_once_is_sent_once() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new());
    let policy = RetryPolicy::with(&client, |_| None).on(RetryOn::SERVER_ERROR);
    let task = retried(&client, &policy, request(addr, "/"));
    unavailable(upstream.next().await, "no");
    assert_eq!(outcome(task).await.unwrap().1, "no");
    assert_eq!(retries(&client, addr), (0, 0, 0));
    assert_eq!(policy.stats().limit_exceeded, 0);
    nothing_is_left(&client).await;
}
