//! Upstreams that fail, in every way there is; requests that can't be sent.

use std::convert::Infallible;
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::connect::HttpConnector;
use meshpool::Limits;
use meshpool::outbound::{Client, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Service, service_fn};

use crate::connectors::anywhere;
use crate::support::{
    Pool, builder, client, get, nothing_is_left, outcome, spawn, stats, text, until, until_load,
    within,
};
use crate::upstream::{Upstream, bind};

/// Accepts one connection and reads one request's head.
async fn accept(listener: &TcpListener) -> TcpStream {
    let (mut socket, _) = within(listener.accept()).await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        assert!(within(socket.read_buf(&mut read)).await.unwrap() > 0);
    }
    socket
}

async fn refusing() -> SocketAddr {
    bind().await.1
}

#[tokio::test]
async fn a_refused_connect_fails_all_that_pend_and_says_why() {
    let addr = refusing().await;
    let client = client(Limits::new().max_connections(2));
    let all: Vec<_> = (0..3)
        .map(|_| tokio::spawn(get(&client, addr, "/")))
        .collect();
    for one in all {
        let error = within(one).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectFailed);
        assert!(!error.may_have_reached_server());
        assert_eq!(error.destination().unwrap().port(), addr.port());
        let mut cause = error.source().expect("why");
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let cause = cause.downcast_ref::<io::Error>().expect("the socket's own");
        assert_eq!(cause.kind(), io::ErrorKind::ConnectionRefused);
    }
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_connect_that_takes_too_long_is_given_up() {
    let connector = service_fn(|_| std::future::pending::<Result<NoConnection, Infallible>>());
    let client: Pool = Client::builder()
        .limits(Limits::new().connect_timeout(Duration::from_millis(30)))
        .build(connector);
    let addr = anywhere();
    let error = within(get(&client, addr, "/")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectTimedOut);
    assert!(!error.may_have_reached_server() && error.is_timeout());
    nothing_is_left(&client).await;
    assert_eq!(stats(&client, addr).counters.cx_connect_timeout, 1);
}

/// The type of a connection that never comes.
type NoConnection = hyper_util::rt::TokioIo<TcpStream>;

#[tokio::test]
async fn a_host_that_does_not_exist_is_a_failed_connect() {
    let mut connector = HttpConnector::new_with_resolver(service_fn(|_| async {
        Err::<std::iter::Empty<SocketAddr>, _>(io::Error::other("no such host"))
    }));
    connector.enforce_http(true);
    let mut client: Pool = Client::builder().build(connector);
    let request = Request::get("http://nowhere.invalid/").body(Full::default());
    let error = within(client.call(request.unwrap())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectFailed);
    assert_eq!(error.destination().unwrap().host(), "nowhere.invalid");
    let why = error.source().and_then(|it| it.source()).unwrap();
    assert_eq!(why.to_string(), "no such host");
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn one_whose_connection_is_lost_may_have_reached_and_the_queue_goes_on() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client = client(Limits::new().max_connections(1));
    let lost = tokio::spawn(get(&client, addr, "/lost"));
    let arrival = upstream.expect("/lost").await;
    let next = spawn(&client, addr, "/next");
    until_load(&client, addr, 1, 1).await;
    drop(arrival);
    let error = within(lost).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    assert!(error.may_have_reached_server());
    assert!(error.source().is_some());

    let arrival = upstream.expect("/next").await;
    assert_eq!(arrival.connection, 1);
    arrival.answer("");
    outcome(next).await.unwrap();
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn an_idle_connection_that_died_costs_nobody_a_failure() {
    let (listener, addr) = bind().await;
    let client = client(Limits::new().max_connections(1));
    for round in 0..20 {
        let one = spawn(&client, addr, "/");
        let mut socket = accept(&listener).await;
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nKevin";
        socket.write_all(answer.as_bytes()).await.unwrap();
        assert_eq!(outcome(one).await.unwrap(), "Kevin");
        drop(socket);
        // Whether or not the client has heard of it.
        if round % 2 == 0 {
            until(|| stats(&client, addr).cx_active == 0).await;
        } else {
            tokio::task::yield_now().await;
        }
    }
    nothing_is_left(&client).await;
}

/// What comes of a request that is answered with this, after which the socket is closed.
async fn answered_with(answer: &'static str) -> (ErrorKind, bool) {
    let (listener, addr) = bind().await;
    let client = client(Limits::new());
    let response = get(&client, addr, "/");
    let one = tokio::spawn(async move { text(response.await?).await });
    let mut socket = accept(&listener).await;
    socket.write_all(answer.as_bytes()).await.unwrap();
    drop(socket);
    let error = within(one).await.unwrap().expect_err(answer);
    nothing_is_left(&client).await;
    (error.kind(), error.may_have_reached_server())
}

#[tokio::test]
async fn what_is_not_http_is_an_invalid_response() {
    for garbage in [
        "220 smtp.example ESMTP\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnot a length\r\n",
    ] {
        assert_eq!(
            answered_with(garbage).await,
            (ErrorKind::InvalidResponse, true),
            "{garbage}",
        );
    }
}

#[tokio::test]
async fn an_end_within_a_head_is_no_http() {
    for part in ["HTTP/1.1 200 O", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n"] {
        assert_eq!(
            answered_with(part).await,
            (ErrorKind::InvalidResponse, true),
            "{part}",
        );
    }
}

#[tokio::test]
async fn an_end_after_an_informational_head_is_no_http_either() {
    for answer in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n",
    ] {
        assert_eq!(
            answered_with(answer).await,
            (ErrorKind::InvalidResponse, true)
        );
    }
}

#[tokio::test]
async fn an_end_before_a_head_or_within_a_body_is_a_lost_connection() {
    for part in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nKev",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nKev",
    ] {
        assert_eq!(
            answered_with(part).await,
            (ErrorKind::ConnectionLost, true),
            "{part}",
        );
    }
}

#[tokio::test]
async fn a_uri_that_leads_nowhere_is_its_own_error() {
    let mut client = client(Limits::new());
    for (uri, kind) in [
        ("/path", ErrorKind::NoHost),
        ("http://user:99999/", ErrorKind::InvalidPort),
        ("ftp://user/", ErrorKind::UnsupportedScheme),
        ("user:80", ErrorKind::UnsupportedScheme),
    ] {
        let request = Request::get(uri).body(Full::default()).unwrap();
        let error = client.call(request).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{uri}");
        assert!(error.destination().is_none() && !error.may_have_reached_server());
    }
    assert_eq!(client.destinations(), []);
}

type Streaming = Client<BoxBody<Bytes, io::Error>>;

fn failing_upload(addr: SocketAddr) -> Request<BoxBody<Bytes, io::Error>> {
    let frames = [
        Ok(Frame::data(Bytes::from_static(b"half"))),
        Err(io::Error::other("out of paper")),
    ];
    let body = StreamBody::new(tokio_stream::iter(frames));
    Request::post(format!("http://{addr}/"))
        .body(BodyExt::boxed(body))
        .unwrap()
}

#[tokio::test]
async fn a_request_body_that_fails_midway_is_the_callers_fault_and_says_so() {
    for is_http2 in [false, true] {
        let upstream = Upstream::start(is_http2).await;
        let mut client: Streaming = builder(is_http2).build(HttpConnector::new());
        let error = within(client.call(failing_upload(upstream.addr)))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RequestBody, "{error:?}");
        assert!(error.may_have_reached_server());
        assert_eq!(error.source().unwrap().to_string(), "out of paper");
        let destination = error.destination().unwrap();
        until(|| client.stats(destination).unwrap().rq_active == 0).await;
        client.close();
        within(client.idle()).await;
        upstream.until_deserted().await;
    }
}

#[tokio::test]
async fn an_answer_before_the_request_is_complete_ends_an_http1_connection() {
    let (listener, addr) = bind().await;
    let mut client: Streaming = Client::builder().build(HttpConnector::new());
    let never = StreamBody::new(futures::stream::pending());
    let request = Request::post(format!("http://{addr}/"))
        .body(BodyExt::boxed(never))
        .unwrap();
    let one = tokio::spawn(client.call(request));
    let mut socket = accept(&listener).await;
    let answer = "HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno";
    socket.write_all(answer.as_bytes()).await.unwrap();
    let response = within(one).await.unwrap().unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(within(text(response)).await.unwrap(), "no");
    let mut rest = Vec::new();
    let _ = within(socket.read_to_end(&mut rest)).await;
    client.close();
    within(client.idle()).await;
}

#[tokio::test]
async fn a_connector_that_panics_harms_nobody_but_those_that_pend() {
    let connector = service_fn(
        |_| -> std::future::Ready<Result<NoConnection, Infallible>> {
            panic!("a connector's own fault")
        },
    );
    let client: Pool = Client::builder().build(connector);
    let addr = anywhere();
    let error = within(get(&client, addr, "/")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectFailed);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_server_that_speaks_unasked_on_an_idle_connection_loses_it_and_harms_nobody() {
    let (listener, addr) = bind().await;
    let client = client(Limits::new());
    let first = spawn(&client, addr, "/first");
    let mut server = accept(&listener).await;
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    server.write_all(answer).await.unwrap();
    outcome(first).await.unwrap();

    server.write_all(b"what nobody asked for").await.unwrap();
    until(|| stats(&client, addr).cx_active == 0).await;
    let second = spawn(&client, addr, "/second");
    let mut server = accept(&listener).await;
    server.write_all(answer).await.unwrap();
    outcome(second).await.unwrap();
    drop((server, listener));
    nothing_is_left(&client).await;
}
