//! What happens when: in paused time, over connections in memory.

use std::future::IntoFuture;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use http_body_util::BodyExt;
use meshpool::inbound::{Serve, serve};
use meshpool::{InboundPool, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::memory::{self, Dial, Memory, request};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn app() -> Router {
    Router::new()
        .route("/user", get(|| async { "Kevin" }))
        .route(
            "/slow",
            get(|| async {
                sleep(secs(100)).await;
                "slow"
            }),
        )
        .route(
            "/never",
            get(|| async { Body::from_stream(futures::stream::pending::<io::Result<&str>>()) }),
        )
        .route("/big", get(|| async { vec![b'x'; 20_000] }))
        .route("/echo", post(|body: String| async { body }))
}

/// Serves with these limits.
fn server(
    limits: Limits,
    configure: impl FnOnce(Serve<Memory, Router>) -> Serve<Memory, Router>,
) -> (Dial, InboundPool, JoinHandle<()>) {
    let pool = InboundPool::new(limits);
    let (listener, dial) = memory::listen();
    let server = configure(serve(listener, app()).pool(&pool));
    (dial, pool, tokio::spawn(server.into_future()))
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_the_idle_timeout() {
    let (dial, _, _) = server(Limits::new().idle_timeout(secs(10)), |server| server);

    let (mut client, closed) = dial.http1().await;
    sleep(secs(9)).await;
    let response = client.send_request(request("/user")).await.unwrap();
    response.collect().await.unwrap();
    let ended = Instant::now();
    closed.await.unwrap().unwrap();
    assert_eq!(ended.elapsed().as_secs(), 10, "http1");

    let (mut client, closed) = dial.http2().await;
    sleep(secs(9)).await;
    let response = client.send_request(request("/user")).await.unwrap();
    response.collect().await.unwrap();
    let ended = Instant::now();
    closed.await.unwrap().unwrap();
    assert_eq!(ended.elapsed().as_secs(), 10, "http2");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_never_used_is_idle_from_the_beginning() {
    let (dial, _, _) = server(Limits::new().idle_timeout(secs(10)), |server| server);
    let opened = Instant::now();
    let mut socket = dial.socket();
    assert_eq!(socket.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(opened.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn an_active_request_keeps_its_connection_from_being_idle() {
    let (dial, _, _) = server(Limits::new().idle_timeout(secs(10)), |server| server);
    let (mut http1, _closed) = dial.http1().await;
    let (mut http2, _closed) = dial.http2().await;
    let (one, two) = tokio::join!(
        http1.send_request(request("/slow")),
        http2.send_request(request("/slow"))
    );
    for response in [one.unwrap(), two.unwrap()] {
        assert_eq!(response.collect().await.unwrap().to_bytes(), "slow");
    }

    let streaming = http2.send_request(request("/never")).await.unwrap();
    let frame = timeout(secs(100), streaming.into_body().frame()).await;
    assert!(frame.is_err(), "the body goes on: {frame:?}");
}

#[tokio::test(start_paused = true)]
async fn an_old_connection_is_drained_and_then_cut_off() {
    let limits = Limits::new().max_connection_duration(secs(10));
    let (dial, _, _) = server(limits, |server| server.grace(secs(5)));
    let opened = Instant::now();
    let mut idle = dial.socket();
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(
        opened.elapsed().as_secs(),
        10,
        "one that is idle closes at once"
    );

    let opened = Instant::now();
    let (mut client, closed) = dial.http2().await;
    let response = client.send_request(request("/never")).await.unwrap();
    assert!(response.into_body().frame().await.unwrap().is_err());
    let _ = closed.await.unwrap();
    assert_eq!(
        opened.elapsed().as_secs(),
        15,
        "one that is active has its grace"
    );
}

#[tokio::test(start_paused = true)]
async fn an_old_connection_serves_what_it_has_begun() {
    let limits = Limits::new().max_connection_duration(secs(10));
    let (dial, _, _) = server(limits, |server| server.grace(None));
    let (mut client, closed) = dial.http1().await;
    let response = client.send_request(request("/slow")).await.unwrap();
    assert_eq!(response.headers()["connection"], "close");
    assert_eq!(response.collect().await.unwrap().to_bytes(), "slow");
    closed.await.unwrap().unwrap();

    let (mut client, closed) = dial.http2().await;
    let response = client.send_request(request("/slow")).await.unwrap();
    assert_eq!(response.collect().await.unwrap().to_bytes(), "slow");
    closed.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn jitter_only_shortens_the_maximum_duration() {
    let limits = Limits::new().max_connection_duration(secs(100));
    let (dial, _, _) = server(limits, |server| {
        server.jitter(0.5).header_read_timeout(None)
    });
    let opened = Instant::now();
    let mut ages = Vec::new();
    for connection in (0..20).map(|_| dial.socket()).collect::<Vec<_>>() {
        ages.push(tokio::spawn(async move {
            let mut connection = connection;
            assert_eq!(connection.read(&mut [0; 1]).await.unwrap(), 0);
            opened.elapsed()
        }));
    }
    let ages = futures::future::try_join_all(ages).await.unwrap();
    // Timers go off up to a millisecond late.
    let allowed = secs(50)..=secs(100) + Duration::from_millis(1);
    assert!(ages.iter().all(|age| allowed.contains(age)), "{ages:?}");
    assert!(ages.iter().any(|age| *age < secs(99)), "{ages:?}");
}

#[tokio::test(start_paused = true)]
async fn timers_go_on_from_their_start_when_limits_change() {
    let (dial, pool, _) = server(Limits::new(), |server| server);
    let opened = Instant::now();
    let (mut aged, aged_closed) = dial.http2().await;
    let (mut idle, idle_closed) = dial.http1().await;
    let response = aged.send_request(request("/user")).await.unwrap();
    response.collect().await.unwrap();
    let response = idle.send_request(request("/user")).await.unwrap();
    response.collect().await.unwrap();
    sleep(secs(20)).await;

    pool.update(Limits::new().max_connection_duration(secs(50)));
    sleep(secs(10)).await;
    assert!(!idle_closed.is_finished() && !aged_closed.is_finished());
    pool.update(Limits::new().idle_timeout(secs(40)));
    idle_closed.await.unwrap().unwrap();
    aged_closed.await.unwrap().unwrap();
    assert_eq!(opened.elapsed().as_secs(), 40);

    let opened = Instant::now();
    let (_client, closed) = dial.http2().await;
    sleep(secs(20)).await;
    pool.update(Limits::new().max_connection_duration(secs(10)));
    closed.await.unwrap().unwrap();
    assert_eq!(opened.elapsed().as_secs(), 20, "at once");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_to_its_end_is_timed_from_its_first_byte() {
    let (dial, _, _) = server(Limits::new(), |server| server);
    let mut socket = dial.socket();
    let mut response = vec![0; 1024];
    for _ in 0..2 {
        socket
            .write_all(b"GET /user HTTP/1.1\r\nhost: u\r\n\r\n")
            .await
            .unwrap();
        assert!(socket.read(&mut response).await.unwrap() > 0);
        // Idle is not slow.
        sleep(secs(100)).await;
    }
    let begun = Instant::now();
    let mut rest = String::new();
    for byte in b"GET /user HTTP/1.1\r\nhost: uuuuuuuuuuuuuuuuuuu" {
        if socket.write_all(&[*byte]).await.is_err() {
            break;
        }
        sleep(secs(1)).await;
    }
    socket.read_to_string(&mut rest).await.unwrap();
    assert!(
        rest.is_empty() || rest.starts_with("HTTP/1.1 408"),
        "{rest}"
    );
    assert!((30..60).contains(&begun.elapsed().as_secs()));
}

/// Sends a request and the beginning of the next at once, reads the response, and says how much
/// later the connection is closed.
async fn next_head_begun(dial: &Dial, request: &str, next: &str) -> Duration {
    let mut socket = dial.socket();
    let bytes = format!("{request}{next}");
    socket.write_all(bytes.as_bytes()).await.unwrap();
    let mut response = vec![0; 1024];
    let read = socket.read(&mut response).await.unwrap();
    let response = String::from_utf8_lossy(&response[..read]);
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    let answered = Instant::now();
    let mut rest = String::new();
    socket.read_to_string(&mut rest).await.unwrap();
    answered.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_head_that_begins_with_the_request_before_it_is_timed() {
    // If it is not, there is an end to the test all the same.
    let limits = Limits::new().idle_timeout(secs(1000));
    let (dial, _, _) = server(limits, |server| server);
    for request in [
        "GET /user HTTP/1.1\r\nhost: u\r\n\r\n",
        "GET /slow HTTP/1.1\r\nhost: u\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: u\r\ncontent-length: 5\r\n\r\nKevin",
        "POST /echo HTTP/1.1\r\nhost: u\r\ntransfer-encoding: chunked\r\n\r\n5\r\nKevin\r\n0\r\n\r\n",
    ] {
        for next in ["G", "GET /user HTTP/1.1\r\nhost: u\r\n"] {
            let closed = next_head_begun(&dial, request, next).await;
            assert_eq!(closed.as_secs(), 30, "{request:?} {next:?}");
        }
        let closed = next_head_begun(&dial, request, "").await;
        assert_eq!(
            closed.as_secs(),
            1000,
            "{request:?} and no more: it is idle"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_begins_while_the_request_before_it_is_served_is_timed() {
    let limits = Limits::new().idle_timeout(secs(1000));
    let (dial, _, _) = server(limits, |server| server);
    let mut socket = dial.socket();
    let get = b"GET /slow HTTP/1.1\r\nhost: u\r\n\r\n";
    socket.write_all(get).await.unwrap();
    sleep(secs(50)).await;
    socket.write_all(b"GET /user").await.unwrap();
    assert!(socket.read(&mut [0; 1024]).await.unwrap() > 0);
    let answered = Instant::now();
    let mut rest = String::new();
    socket.read_to_string(&mut rest).await.unwrap();
    assert_eq!(answered.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_begin_is_closed() {
    let (dial, _, _) = server(Limits::new(), |server| server.header_read_timeout(secs(7)));
    for first in ["", "PRI * HTTP", "GET"] {
        let opened = Instant::now();
        let mut socket = dial.socket();
        socket.write_all(first.as_bytes()).await.unwrap();
        let mut rest = String::new();
        socket.read_to_string(&mut rest).await.unwrap();
        assert_eq!(opened.elapsed().as_secs(), 7, "{first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_http2_connection_may_be_opened_long_before_it_is_used() {
    let (dial, _, _) = server(Limits::new(), |server| server);
    let (mut client, _closed) = dial.http2().await;
    sleep(secs(1000)).await;
    client.send_request(request("/user")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_handshake_keeps_nobody_waiting_and_has_an_end() {
    let (dial, _, _) = server(Limits::new(), |server| server);
    let mut slow = dial.slow_socket(secs(1000));
    let began = Instant::now();
    let (mut client, _closed) = dial.http1().await;
    client.send_request(request("/user")).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(slow.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_dropped_after_the_stall_timeout() {
    let pool = InboundPool::builder().stall_timeout(secs(20)).build();
    let (listener, dial) = memory::listen();
    // One connection at a time, to see that it is given back.
    tokio::spawn(
        serve(listener, app())
            .pool(&pool)
            .max_connections(1)
            .into_future(),
    );
    let mut stalled = dial.clone().buffer(1000).socket();
    stalled
        .write_all(b"GET /big HTTP/1.1\r\nhost: u\r\n\r\n")
        .await
        .unwrap();
    sleep(secs(15)).await;
    // It takes something, and has its time again.
    stalled.read_exact(&mut [0; 500]).await.unwrap();
    let stalls = Instant::now();

    let (mut client, _closed) = dial.http1().await;
    client.send_request(request("/user")).await.unwrap();
    assert_eq!(stalls.elapsed().as_secs(), 20);
    let mut rest = Vec::new();
    stalled.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest.len(), 1000, "what was under way");
}

#[tokio::test(start_paused = true)]
async fn errors_while_accepting_are_survived() {
    let (listener, dial) = memory::listen();
    let (seen, mut errors) = tokio::sync::mpsc::unbounded_channel();
    let server = serve(listener, app()).on_accept_error(move |error| {
        seen.send(error.raw_os_error()).unwrap();
    });
    tokio::spawn(server.into_future());
    let began = Instant::now();
    const EMFILE: i32 = 24;
    for _ in 0..3 {
        dial.error(io::ErrorKind::ConnectionAborted.into());
    }
    let (mut client, _closed) = dial.http1().await;
    client.send_request(request("/user")).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO, "the client's, not ours");

    for _ in 0..20 {
        dial.error(io::Error::from_raw_os_error(EMFILE));
    }
    let (mut client, _closed) = dial.http1().await;
    client.send_request(request("/user")).await.unwrap();
    // 5 + 10 + … + 640 ms, and then a second each.
    assert_eq!(began.elapsed().as_secs(), 1 + 12);
    let seen: Vec<_> = (0..23).map(|_| errors.try_recv().unwrap()).collect();
    assert_eq!(seen[2], None);
    assert_eq!(seen[3], Some(EMFILE));
}

#[tokio::test(start_paused = true)]
async fn a_graceful_shutdown_waits_for_what_is_in_flight() {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (dial, _, server) = server(Limits::new(), |server| {
        server.grace(None).with_graceful_shutdown(async {
            stopped.await.unwrap();
        })
    });
    let (mut busy1, closed1) = dial.http1().await;
    let (mut busy2, closed2) = dial.http2().await;
    let (mut idle, idle_closed) = dial.http1().await;
    idle.send_request(request("/user"))
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let mut handshaking = dial.slow_socket(secs(1000));
    let one = tokio::spawn(busy1.send_request(request("/slow")));
    let two = tokio::spawn(busy2.send_request(request("/slow")));
    sleep(secs(5)).await;

    stop.send(()).unwrap();
    let began = Instant::now();
    idle_closed.await.unwrap().unwrap();
    assert_eq!(handshaking.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert!(dial.is_closed(), "the listener is closed first");
    assert!(!server.is_finished());
    for response in [one, two] {
        let response = response.await.unwrap().unwrap();
        assert_eq!(response.collect().await.unwrap().to_bytes(), "slow");
    }
    server.await.unwrap();
    closed1.await.unwrap().unwrap();
    closed2.await.unwrap().unwrap();
    assert_eq!(began.elapsed().as_secs(), 95);
}

#[tokio::test(start_paused = true)]
async fn a_graceful_shutdown_ends_with_the_grace_period() {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (dial, pool, server) = server(Limits::new(), |server| {
        server.grace(secs(3)).with_graceful_shutdown(async {
            stopped.await.unwrap();
        })
    });
    let (mut client, _closed) = dial.http2().await;
    let response = client.send_request(request("/never")).await.unwrap();
    let began = Instant::now();
    stop.send(()).unwrap();
    server.await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 3);
    assert!(response.into_body().frame().await.unwrap().is_err());
    drop(pool);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_server_retires_its_connections() {
    let (dial, _, server) = server(Limits::new(), |server| server.grace(None));
    let (mut busy, busy_closed) = dial.http1().await;
    let (mut idle, idle_closed) = dial.http2().await;
    idle.send_request(request("/user"))
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let response = tokio::spawn(busy.send_request(request("/slow")));
    sleep(secs(1)).await;
    server.abort();
    idle_closed.await.unwrap().unwrap();
    assert!(dial.is_closed());
    let response = response.await.unwrap().unwrap();
    assert_eq!(response.collect().await.unwrap().to_bytes(), "slow");
    busy_closed.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_retired_count_never_cuts_off_what_is_active() {
    let limits = Limits::new().max_requests_per_connection(1);
    let (dial, _, _) = server(limits, |server| server.grace(secs(1)));
    let (mut client, closed) = dial.http2().await;
    let response = client.send_request(request("/slow")).await.unwrap();
    assert_eq!(response.collect().await.unwrap().to_bytes(), "slow");
    closed.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_dropped_connection_carried_gives_its_permits_back() {
    let limits = Limits::new()
        .max_requests(2)
        .max_connection_duration(secs(10));
    let pool = InboundPool::new(limits);
    let (listener, dial) = memory::listen();
    let server = serve(listener, app().layer(pool.layer())).pool(&pool);
    tokio::spawn(server.max_connections(2).into_future());
    let (mut http1, _closed) = dial.http1().await;
    let (mut http2, _closed) = dial.http2().await;
    let one = http1.send_request(request("/never")).await.unwrap();
    let two = http2.send_request(request("/never")).await.unwrap();
    assert_eq!(pool.stats().active, 2);
    for response in [one, two] {
        assert!(response.into_body().frame().await.unwrap().is_err());
    }
    // Both slots are free, and both permits.
    let (mut http1, _closed) = dial.http1().await;
    let (mut http2, _closed) = dial.http2().await;
    http1.send_request(request("/user")).await.unwrap();
    http2.send_request(request("/user")).await.unwrap();
    pool.idle().await;
}
