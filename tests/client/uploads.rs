//! Request bodies that take their time: what is left of them is not sent when nobody waits for the
//! response any more.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame};
use hyper_util::client::legacy::connect::HttpConnector;
use meshpool::Limits;
use meshpool::outbound::destination::Stats;
use meshpool::outbound::{Client, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tower::Service;

use crate::connectors::{anywhere, gated, read_head};
use crate::support::{self, destination, text, until, within};
use crate::upstream::{Frames, Seen, Upstream, bind};

/// A part that has the body panic.
const PANIC: &str = "panic";

/// A body of what the test sends.
struct Parts {
    receiver: mpsc::UnboundedReceiver<Bytes>,
    /// Tells that it was dropped.
    _held: Arc<()>,
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.receiver.poll_recv(cx);
        part.map(|part| {
            let part = part?;
            assert_ne!(part, PANIC, "as the test wants");
            Some(Ok(Frame::data(part)))
        })
    }
}

/// A request's body from outside.
struct Sending {
    parts: mpsc::UnboundedSender<Bytes>,
    held: Arc<()>,
}

impl Sending {
    fn send(&self, part: impl Into<Bytes>) {
        self.parts.send(part.into()).unwrap();
    }

    /// Waits until the body was dropped.
    async fn dropped(&self) {
        until(|| Arc::strong_count(&self.held) == 1).await;
    }
}

fn upload(addr: SocketAddr, path: &str) -> (Request<Parts>, Sending) {
    let (parts, receiver) = mpsc::unbounded_channel();
    let held = Arc::new(());
    let body = Parts {
        receiver,
        _held: held.clone(),
    };
    let request = Request::post(format!("http://{addr}{path}")).body(body);
    (request.unwrap(), Sending { parts, held })
}

fn client(limits: Limits, is_http2: bool) -> Client<Parts> {
    let builder = support::builder(is_http2).limits(limits);
    builder.build(HttpConnector::new())
}

fn stats(client: &Client<Parts>, addr: SocketAddr) -> Stats {
    client.stats(&destination(addr)).unwrap()
}

async fn nothing_is_left(client: &Client<Parts>, addr: SocketAddr) {
    assert_eq!(stats(client, addr).rq_active, 0);
    client.close();
    within(client.idle()).await;
}

#[tokio::test]
async fn it_is_streamed_and_its_request_is_active_until_the_response_has_ended() {
    for is_http2 in [false, true] {
        let mut upstream = Upstream::start(is_http2).await;
        let addr = upstream.addr;
        let mut client = client(Limits::new(), is_http2);
        let (request, sending) = upload(addr, "/");
        let one = tokio::spawn(client.call(request));
        let mut arrival = upstream.next().await;
        for part in ["one", "two"] {
            sending.send(part);
            let frame = within(arrival.request.frame()).await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), part);
        }
        drop(sending.parts);
        let rest = within(arrival.request.body_mut().collect()).await.unwrap();
        assert_eq!(rest.to_bytes(), "");
        assert_eq!(stats(&client, addr).rq_active, 1);
        arrival.answer("Kevin");
        let response = within(one).await.unwrap().unwrap();
        assert_eq!(within(text(response)).await.unwrap(), "Kevin");
        assert_eq!(stats(&client, addr).cx_active, 1, "kept");
        nothing_is_left(&client, addr).await;
    }
}

#[tokio::test]
async fn a_body_that_panics_fails_its_own_request_and_no_other() {
    for is_http2 in [false, true] {
        let mut upstream = Upstream::start(is_http2).await;
        let addr = upstream.addr;
        let mut client = client(Limits::new(), is_http2);
        let (request, beside) = upload(addr, "/beside");
        let other = tokio::spawn(client.call(request));
        let mut arrival = upstream.expect("/beside").await;
        // One panics when it is first asked, the other while it is streamed.
        for path in ["/at-once", "/streamed"] {
            let (request, sending) = upload(addr, path);
            let request = tokio::spawn(client.call(request));
            if path == "/streamed" {
                sending.send("some");
                let mut arrival = upstream.next().await;
                // The head of the one before may have been there.
                while arrival.path() != path {
                    arrival = upstream.next().await;
                }
                within(arrival.request.frame()).await.unwrap().unwrap();
            }
            sending.send(PANIC);
            let error = within(request).await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::RequestBody, "{error:?}");
            assert!(source_of(&error).contains("panicked"), "{error:?}");
            sending.dropped().await;
        }
        beside.send("more");
        drop(beside);
        let rest = within(arrival.request.body_mut().collect()).await.unwrap();
        assert_eq!(rest.to_bytes(), "more");
        arrival.answer("");
        text(within(other).await.unwrap().unwrap()).await.unwrap();
        nothing_is_left(&client, addr).await;
    }
}

fn source_of(error: &dyn std::error::Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn an_answer_before_the_end_of_an_http2_request_resets_the_rest_of_it() {
    let (listener, addr) = bind().await;
    let mut client = client(Limits::new().max_concurrent_streams(1), true);
    let (request, sending) = upload(addr, "/");
    let one = tokio::spawn(client.call(request));
    let mut server = Frames::accept(&listener, 100).await;
    let stream = server.request().await;
    server.answer(stream).await;
    let response = within(one).await.unwrap().unwrap();
    assert_eq!(within(text(response)).await.unwrap(), "");
    assert_eq!(server.next().await, Seen::Reset(stream));
    sending.dropped().await;
    // The next has the stream that this one had.
    let (request, _sending) = upload(addr, "/");
    let two = tokio::spawn(client.call(request));
    let stream = server.request().await;
    server.answer(stream).await;
    within(two).await.unwrap().unwrap();
    drop(server);
    nothing_is_left(&client, addr).await;
}

#[tokio::test]
async fn a_caller_who_leaves_an_http2_request_midway_resets_the_rest_of_it() {
    let (listener, addr) = bind().await;
    let mut client = client(Limits::new(), true);
    let (request, sending) = upload(addr, "/");
    let one = tokio::spawn(client.call(request));
    let mut server = Frames::accept(&listener, 100).await;
    let stream = server.request().await;
    one.abort();
    assert_eq!(server.next().await, Seen::Reset(stream));
    sending.dropped().await;

    // And one who has seen the head.
    let (request, sending) = upload(addr, "/");
    let two = tokio::spawn(client.call(request));
    let stream = server.request().await;
    sending.send("some");
    assert_eq!(server.next().await, Seen::Data(stream));
    server.answer_head(stream).await;
    let response = within(two).await.unwrap().unwrap();
    drop(response);
    assert_eq!(stats(&client, addr).rq_active, 0, "at once");
    assert_eq!(server.next().await, Seen::Reset(stream));
    sending.dropped().await;
    assert_eq!(stats(&client, addr).cx_active, 1, "kept");
    drop(server);
    nothing_is_left(&client, addr).await;
}

#[tokio::test]
async fn a_caller_who_leaves_an_http1_request_midway_takes_its_connection_with_it() {
    for has_head in [false, true] {
        let mut upstream = Upstream::http1().await;
        let addr = upstream.addr;
        let mut client = client(Limits::new(), false);
        let (request, sending) = upload(addr, "/");
        let one = tokio::spawn(client.call(request));
        let mut arrival = upstream.next().await;
        sending.send("some");
        if has_head {
            let _rest = arrival.answer_head();
            let response = within(one).await.unwrap().unwrap();
            drop(response);
        } else {
            one.abort();
            let read = within(arrival.request.body_mut().collect()).await;
            assert!(read.is_err(), "it ends midway");
            drop(arrival);
        }
        sending.dropped().await;
        upstream.until_deserted().await;
        nothing_is_left(&client, addr).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_still_sending_when_the_response_is_complete_is_ready_after_that() {
    const SIZE: usize = 1 << 20;

    let addr = anywhere();
    let limits = Limits::new().max_connections(1);
    let (client, mut connects) = gated(Client::builder().limits(limits));
    let request = Request::post(format!("http://{addr}/"));
    // hyper has all of it at once, and the connection takes it bit by bit. When the last bit is
    // sent, nothing more happens to it.
    let request = request.body(Full::from(vec![0; SIZE])).unwrap();
    let one = tokio::spawn(client.clone().call(request));
    let mut server = connects.accept().await;
    read_head(&mut server).await;
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    server.write_all(answer.as_bytes()).await.unwrap();
    text(within(one).await.unwrap().unwrap()).await.unwrap();
    assert_eq!(support::stats(&client, addr).rq_active, 1, "it is not over");

    let start = Instant::now();
    let two = support::spawn(&client, addr, "/two");
    let mut body = vec![0; SIZE];
    within(server.read_exact(&mut body)).await.unwrap();
    assert!(read_head(&mut server).await.starts_with("GET /two "));
    server.write_all(answer.as_bytes()).await.unwrap();
    support::outcome(two).await.unwrap();
    assert!(start.elapsed().is_zero(), "not looked at again later");
    assert_eq!(support::stats(&client, addr).counters.cx_total, 1);
    drop(server);
    support::nothing_is_left(&client).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_answered_and_reads_no_more_keeps_its_connection_for_a_second() {
    let addr = anywhere();
    let (client, mut connects) = gated(Client::builder().limits(Limits::new().max_connections(1)));
    let request = Request::post(format!("http://{addr}/"));
    let request = request.body(Full::from(vec![0; 1 << 20])).unwrap();
    let start = Instant::now();
    let one = tokio::spawn(client.clone().call(request));
    let mut server = connects.accept().await;
    read_head(&mut server).await;
    let answer = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n";
    server.write_all(answer).await.unwrap();
    text(within(one).await.unwrap().unwrap()).await.unwrap();

    let two = support::spawn(&client, addr, "/two");
    let mut next = connects.accept().await;
    assert_eq!(start.elapsed().as_secs(), 1);
    assert!(read_head(&mut next).await.starts_with("GET /two "));
    next.write_all(answer).await.unwrap();
    support::outcome(two).await.unwrap();
    let counters = support::stats(&client, addr).counters;
    assert_eq!((counters.cx_total, counters.cx_destroy_local), (2, 1));
    support::nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_window_of_nothing_stalls_that_request_alone() {
    let (listener, addr) = bind().await;
    let mut client = client(Limits::new(), true);
    let (request, sending) = upload(addr, "/");
    drop(sending);
    let one = tokio::spawn(client.call(request));
    let mut server = Frames::accept(&listener, 100).await;
    server.window(0).await;
    let stream = server.request().await;
    server.answer(stream).await;
    within(one).await.unwrap().unwrap();

    let (request, sending) = upload(addr, "/stalled");
    let one = tokio::spawn(client.call(request));
    sending.send("stalled");
    let stalled = server.request().await;
    // Those beside it come and go.
    for _ in 0..3 {
        let (request, sending) = upload(addr, "/beside");
        drop(sending);
        let beside = tokio::spawn(client.call(request));
        let stream = server.request().await;
        server.answer(stream).await;
        within(beside).await.unwrap().unwrap();
    }
    assert_eq!(stats(&client, addr).rq_active, 1);
    one.abort();
    assert_eq!(server.next().await, Seen::Reset(stalled));
    sending.dropped().await;
    until(|| stats(&client, addr).rq_active == 0).await;
    assert_eq!(stats(&client, addr).cx_active, 1, "kept");
    drop(server);
    nothing_is_left(&client, addr).await;
}

#[tokio::test]
async fn an_http2_upload_that_waits_for_the_window_is_reset_when_it_is_given_up() {
    for is_answered in [true, false] {
        let (listener, addr) = bind().await;
        let mut client = client(Limits::new().max_connections(1), true);
        let (request, sending) = upload(addr, "/");
        drop(sending);
        let first = tokio::spawn(client.call(request));
        let mut server = Frames::accept(&listener, 1).await;
        server.window(0).await;
        let stream = server.request().await;
        server.answer(stream).await;
        within(first).await.unwrap().unwrap();

        let (request, sending) = upload(addr, "/stalled");
        sending.send("stalled");
        let one = tokio::spawn(client.call(request));
        let stalled = server.request().await;
        // The one stream that the server takes is in use.
        let (request, other) = upload(addr, "/next");
        drop(other);
        let two = tokio::spawn(client.call(request));
        until(|| stats(&client, addr).rq_pending_active == 1).await;
        if is_answered {
            // All of the response, and none of the request's body was taken.
            server.answer(stalled).await;
            let response = within(one).await.unwrap().unwrap();
            assert_eq!(server.next().await, Seen::Reset(stalled), "{response:?}");
            assert_eq!(within(text(response)).await.unwrap(), "");
        } else {
            server.answer_head(stalled).await;
            drop(within(one).await.unwrap().unwrap());
            assert_eq!(server.next().await, Seen::Reset(stalled));
        }
        sending.dropped().await;
        let next = server.request().await;
        server.answer(next).await;
        within(two).await.unwrap().unwrap();
        assert_eq!(stats(&client, addr).counters.rq_tx_reset, 1);
        assert_eq!(stats(&client, addr).counters.cx_total, 1);
        drop(server);
        nothing_is_left(&client, addr).await;
    }
}

#[tokio::test]
async fn an_answer_before_the_end_of_an_http1_request_costs_its_connection_on_this_side() {
    let (listener, addr) = bind().await;
    let mut client = client(Limits::new(), false);
    let (request, sending) = upload(addr, "/");
    let one = tokio::spawn(client.call(request));
    let (mut server, _) = within(listener.accept()).await.unwrap();
    read_head(&mut server).await;
    let answer = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n";
    server.write_all(answer).await.unwrap();
    text(within(one).await.unwrap().unwrap()).await.unwrap();
    sending.dropped().await;
    let mut rest = Vec::new();
    let _ = within(server.read_to_end(&mut rest)).await;
    until(|| stats(&client, addr).cx_active == 0).await;
    let counters = stats(&client, addr).counters;
    assert_eq!(counters.cx_destroy_local_with_active_rq, 1, "as Envoy");
    assert_eq!(counters.cx_destroy_remote, 0);
    assert_eq!(counters.cx_close_notify, 0, "the server has said nothing");
    nothing_is_left(&client, addr).await;
}

#[tokio::test]
async fn a_server_that_does_not_take_what_is_sent_is_as_late_as_one_that_says_nothing() {
    let (listener, addr) = bind().await;
    let mut client: Client<Parts> = Client::builder()
        .http2_only()
        .response_timeout(Duration::from_millis(50))
        .build(HttpConnector::new());
    let (request, sending) = upload(addr, "/");
    // More than an HTTP/2 peer takes before it says that it does.
    sending.send(vec![b'x'; 1 << 17]);
    drop(sending.parts);
    let one = tokio::spawn(client.call(request));
    let server = Frames::accept(&listener, 100).await;
    let error = within(one).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResponseTimeout);
    assert!(error.may_have_reached_server());
    drop(server);
    nothing_is_left(&client, addr).await;
}

#[tokio::test]
async fn a_server_that_reads_nothing_stalls_that_request_alone() {
    let (listener, addr) = bind().await;
    let mut client = client(Limits::new().max_connections(2), false);
    let (request, sending) = upload(addr, "/stalled");
    let one = tokio::spawn(client.call(request));
    let (mut stalled, _) = within(listener.accept()).await.unwrap();
    // More than the system holds for a reader.
    for _ in 0..64 {
        sending.send(vec![b'x'; 1 << 20]);
    }
    let (request, beside) = upload(addr, "/beside");
    drop(beside);
    let two = tokio::spawn(client.call(request));
    let (mut socket, _) = within(listener.accept()).await.unwrap();
    let mut read = [0; 1024];
    assert!(within(socket.read(&mut read)).await.unwrap() > 0);
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    within(tokio::io::AsyncWriteExt::write_all(&mut socket, answer))
        .await
        .unwrap();
    within(two).await.unwrap().unwrap();

    one.abort();
    sending.dropped().await;
    until(|| stats(&client, addr).rq_active == 0).await;
    let mut rest = Vec::new();
    let _ = within(stalled.read_to_end(&mut rest)).await;
    drop(socket);
    nothing_is_left(&client, addr).await;
}
