//! The time that a response may take; and times so long that no clock shows their end.

use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc;
use http::Request;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::connect::HttpConnector;
use meshpool::Limits;
use meshpool::outbound::{Builder, Client, ErrorKind};
use tokio::io::AsyncWriteExt;
use tokio::runtime::Handle;
use tokio::time::sleep;
use tower::Service;

use crate::connectors::{anywhere, gated, read_head};
use crate::support::{
    Pool, get, nothing_is_left, outcome, spawn, stats, text, until, until_load, within,
};
use crate::upstream::Upstream;

fn patient(timeout: Duration) -> Builder {
    Client::builder().response_timeout(timeout)
}

#[tokio::test]
async fn a_request_without_a_response_in_time_fails_and_takes_its_http1_connection_with_it() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client: Pool = patient(Duration::from_millis(200)).build(HttpConnector::new());
    let response = get(&client, addr, "/");
    let error = within(response).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResponseTimeout);
    assert!(error.may_have_reached_server() && error.is_timeout());
    let _arrival = upstream.next().await;
    upstream.until_deserted().await;
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_request_without_a_response_in_time_leaves_its_http2_connection_to_the_others() {
    let mut upstream = Upstream::http2().await;
    let addr = upstream.addr;
    let client: Pool = patient(Duration::from_millis(200))
        .http2_only()
        .build(HttpConnector::new());
    let late = spawn(&client, addr, "/late");
    let _arrival = upstream.expect("/late").await;
    assert_eq!(outcome(late).await, Err(ErrorKind::ResponseTimeout));
    assert_eq!(stats(&client, addr).cx_active, 1);
    assert_eq!(stats(&client, addr).counters.rq_tx_reset, 1);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn neither_pending_nor_reading_the_response_counts() {
    const TIMEOUT: Duration = Duration::from_millis(500);

    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let client: Pool = patient(TIMEOUT)
        .limits(Limits::new().max_connections(1))
        .build(HttpConnector::new());
    let first = get(&client, addr, "/first");
    let first = tokio::spawn(async move { text(first.await?).await });
    let rest = upstream.expect("/first").await.answer_head();
    let second = spawn(&client, addr, "/second");
    until_load(&client, addr, 1, 1).await;
    sleep(TIMEOUT + TIMEOUT / 2).await;
    until_load(&client, addr, 1, 1).await;
    drop(rest);
    upstream.expect("/second").await.answer("ok");
    assert_eq!(outcome(first).await.unwrap(), "");
    assert_eq!(outcome(second).await.unwrap(), "ok");
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn the_time_starts_when_the_body_is_sent() {
    const TIMEOUT: Duration = Duration::from_millis(100);

    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    type Upload = StreamBody<mpsc::UnboundedReceiver<Result<Frame<Bytes>, std::io::Error>>>;
    let mut client: Client<Upload> = patient(TIMEOUT).build(HttpConnector::new());
    let (upload, frames) = mpsc::unbounded();
    let request = Request::post(format!("http://{addr}/")).body(StreamBody::new(frames));
    let response = tokio::spawn(client.call(request.unwrap()));
    let mut arrival = upstream.next().await;
    sleep(2 * TIMEOUT).await;
    let data = Frame::data(Bytes::from_static(b"late"));
    upload.unbounded_send(Ok(data)).unwrap();
    let frame = within(arrival.request.frame()).await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "late");
    assert!(!response.is_finished());
    drop(upload);
    let error = within(response).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResponseTimeout);
}

#[tokio::test]
async fn a_timeout_that_no_clock_shows_the_end_of_is_one_that_never_comes() {
    let never = Duration::from_secs(1 << 63);
    let limits = Limits::new()
        .connect_timeout(never)
        .idle_timeout(never)
        .max_connection_duration(never);
    let (client, mut connects) = gated(Client::builder().limits(limits));
    let one = spawn(&client, anywhere(), "/");
    let mut server = connects.accept().await;
    read_head(&mut server).await;
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    server.write_all(answer).await.unwrap();
    outcome(one).await.unwrap();
    // Its connection's, and its timer's.
    let tasks = Handle::current().metrics();
    until(|| tasks.num_alive_tasks() == 2).await;
    drop(server);
    nothing_is_left(&client).await;
}
