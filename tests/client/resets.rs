//! HTTP/2 streams that end ahead of their time, counted by whose doing it is: as Envoy, the peer's
//! resets apart from this side's, and what never left not at all. Their connection stays.

use std::io;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::connect::HttpConnector;
use meshpool::outbound::{Client, Error, ErrorKind};
use tokio::net::TcpListener;
use tower::Service;

use crate::support::{destination, within};
use crate::upstream::{Frames, Seen, bind};

const INTERNAL_ERROR: u32 = 2;

type Body = BoxBody<Bytes, io::Error>;

/// A client with one connection, which has served a request, and the other end of that.
struct Pair {
    client: Client<Body>,
    listener: TcpListener,
    server: Frames,
}

fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed()
}

fn full(text: &'static str) -> Body {
    Full::from(text).map_err(|never| match never {}).boxed()
}

fn failing() -> Body {
    let frames = [
        Ok(Frame::data(Bytes::from_static(b"half"))),
        Err(io::Error::other("out of paper")),
    ];
    BodyExt::boxed(StreamBody::new(tokio_stream::iter(frames)))
}

impl Pair {
    async fn new() -> Self {
        let (listener, addr) = bind().await;
        let mut client = Client::builder().http2_only().build(HttpConnector::new());
        let request = Request::get(format!("http://{addr}/")).body(empty());
        let first = tokio::spawn(client.call(request.unwrap()));
        let mut server = Frames::accept(&listener, 100).await;
        let stream = server.request().await;
        server.answer(stream).await;
        within(first).await.unwrap().unwrap();
        Self {
            client,
            listener,
            server,
        }
    }

    fn send(&mut self, method: Method, body: Body) -> impl Future<Output = Error> + use<> {
        let addr = self.listener.local_addr().unwrap();
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{addr}/"))
            .body(body);
        let response = tokio::spawn(self.client.call(request.unwrap()));
        async {
            match within(response).await.unwrap() {
                Ok(response) => within(response.into_body().collect()).await.unwrap_err(),
                Err(error) => error,
            }
        }
    }

    /// Its resets by the peer, and by this side; the connection is there, and is of use.
    async fn resets(mut self) -> (u64, u64) {
        let addr = self.listener.local_addr().unwrap();
        let request = Request::get(format!("http://{addr}/")).body(empty());
        let next = tokio::spawn(self.client.call(request.unwrap()));
        let stream = self.server.request().await;
        self.server.answer(stream).await;
        within(next).await.unwrap().unwrap();
        let stats = self.client.stats(&destination(addr)).unwrap();
        assert_eq!((stats.rq_active, stats.cx_active), (0, 1));
        assert_eq!(stats.counters.cx_total, 1);
        self.client.close();
        within(self.client.idle()).await;
        (stats.counters.rq_rx_reset, stats.counters.rq_tx_reset)
    }
}

#[tokio::test]
async fn one_that_the_server_resets_is_the_peers() {
    let mut pair = Pair::new().await;
    let error = pair.send(Method::GET, empty());
    let stream = pair.server.request().await;
    pair.server.reset(stream, INTERNAL_ERROR).await;
    assert_eq!(error.await.kind(), ErrorKind::Reset);
    assert_eq!(pair.resets().await, (1, 0));
}

#[tokio::test]
async fn one_whose_body_fails_is_this_sides() {
    let mut pair = Pair::new().await;
    let error = pair.send(Method::POST, failing());
    let stream = pair.server.request().await;
    let mut seen = pair.server.next().await;
    if seen == Seen::Data(stream) {
        seen = pair.server.next().await;
    }
    assert_eq!(seen, Seen::Reset(stream));
    assert_eq!(error.await.kind(), ErrorKind::RequestBody);
    assert_eq!(pair.resets().await, (0, 1));
}

#[tokio::test]
async fn one_whose_response_is_none_is_this_sides() {
    let mut pair = Pair::new().await;
    let error = pair.send(Method::GET, empty());
    let stream = pair.server.request().await;
    pair.server.answer_head_of_five(stream).await;
    pair.server.data(stream, b"more than five", true).await;
    assert_eq!(error.await.kind(), ErrorKind::InvalidResponse);
    assert_eq!(pair.server.next().await, Seen::Reset(stream));
    assert_eq!(pair.resets().await, (0, 1));
}

#[tokio::test]
async fn a_connect_whose_answer_says_that_it_has_a_body_is_this_sides_and_was_sent() {
    let mut pair = Pair::new().await;
    let error = pair.send(Method::CONNECT, empty());
    let stream = pair.server.request().await;
    pair.server.answer_head_of_five(stream).await;
    let error = error.await;
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    assert!(error.may_have_reached_server());
    assert_eq!(pair.server.next().await, Seen::Reset(stream));
    assert_eq!(pair.resets().await, (0, 1));
}

#[tokio::test]
async fn one_that_cannot_be_sent_is_nobodys() {
    let mut pair = Pair::new().await;
    let error = pair.send(Method::CONNECT, full("a body")).await;
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(!error.may_have_reached_server());
    assert_eq!(pair.resets().await, (0, 0));
}
