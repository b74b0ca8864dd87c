//! Request bodies that panic when they are asked about themselves: anybody's code, run by a
//! connection that others share.

use std::convert::Infallible;
use std::error::Error as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use hyper::body::{Body, Frame, SizeHint};
use hyper_util::client::legacy::connect::HttpConnector;
use meshpool::outbound::{Client, ErrorKind};
use tower::Service;

use crate::support::{builder, destination, text, within};
use crate::upstream::Upstream;

/// One frame, and after so many questions a panic.
#[derive(Default)]
struct Touchy {
    is_sent: bool,
    ends: Patience,
    sizes: Patience,
}

/// How many more questions are answered; for ever unless set.
#[derive(Default)]
struct Patience(Option<AtomicU32>);

impl Patience {
    fn of(questions: u32) -> Self {
        Self(Some(AtomicU32::new(questions)))
    }

    fn asked(&self) {
        if let Some(left) = &self.0 {
            let left = left.fetch_sub(1, Ordering::Relaxed);
            assert!(left > 0, "a body's own fault");
        }
    }
}

impl Body for Touchy {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let was_sent = std::mem::replace(&mut self.is_sent, true);
        Poll::Ready((!was_sent).then(|| Ok(Frame::data(Bytes::from_static(b"all")))))
    }

    fn is_end_stream(&self) -> bool {
        self.ends.asked();
        self.is_sent
    }

    fn size_hint(&self) -> SizeHint {
        self.sizes.asked();
        SizeHint::default()
    }
}

#[tokio::test]
async fn a_body_that_panics_when_it_is_asked_fails_its_own_request_and_no_other() {
    for is_http2 in [false, true] {
        let mut upstream = Upstream::start(is_http2).await;
        let addr = upstream.addr;
        let mut client: Client<Touchy> = builder(is_http2).build(HttpConnector::new());
        let post = |path, body| Request::post(format!("http://{addr}{path}")).body(body);
        let beside = client.call(post("/beside", Touchy::default()).unwrap());
        let beside = tokio::spawn(beside);
        let beside_arrival = upstream.expect("/beside").await;
        for (what, body) in [
            // The client asks once itself, when it is called.
            (
                "before it is sent",
                Touchy {
                    ends: Patience::of(1),
                    ..Touchy::default()
                },
            ),
            (
                "when it is sent",
                Touchy {
                    ends: Patience::of(2),
                    ..Touchy::default()
                },
            ),
            (
                "for its size",
                Touchy {
                    sizes: Patience::of(0),
                    ..Touchy::default()
                },
            ),
        ] {
            let response = client.call(post("/touchy", body).unwrap());
            let error = within(tokio::spawn(response)).await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::RequestBody, "{what}: {error:?}");
            assert_eq!(error.source().unwrap().to_string(), "it panicked", "{what}");
        }
        beside_arrival.answer("Kevin");
        let response = within(beside).await.unwrap().unwrap();
        assert_eq!(within(text(response)).await.unwrap(), "Kevin");
        let stats = client.stats(&destination(addr)).unwrap();
        assert_eq!(stats.rq_active, 0);
        if is_http2 {
            assert_eq!(stats.counters.cx_total, 1);
        }
        client.close();
        within(client.idle()).await;
    }
}
