//! Sees so many requests through, to have its instructions counted: `admitted COUNT` or
//! `refused COUNT`.

use std::convert::Infallible;
use std::env;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use meshpool::{InboundPool, Limits};
use tower_layer::Layer;
use tower_service::Service;

#[derive(Clone)]
struct Kevin;

impl Service<Request<()>> for Kevin {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(Full::from("Kevin"))))
    }
}

fn main() {
    let args: Vec<_> = env::args().skip(1).collect();
    let [what, count] = &args[..] else {
        panic!("what, and how many");
    };
    let count: u32 = count.parse().expect("a number of requests");
    match &what[..] {
        "admitted" => admitted(count),
        "refused" => refused(count),
        other => panic!("there is no {other}"),
    }
}

/// Requests that are admitted at once, their response bodies read to the end.
fn admitted(count: u32) {
    let service = pool(1).layer().layer(Kevin);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..count {
        let response = request(&mut service.clone()).unwrap();
        let mut body = pin!(response.into_body());
        let mut bytes = 0;
        while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(&mut cx) {
            bytes += frame.unwrap().into_data().map_or(0, |data| data.len());
        }
        assert_eq!(bytes, "Kevin".len());
    }
}

/// Requests that are refused with the typed error.
fn refused(count: u32) {
    let service = pool(0).admit_layer().layer(Kevin);
    for _ in 0..count {
        assert!(request(&mut service.clone()).is_err());
    }
}

fn pool(slots: u32) -> InboundPool {
    InboundPool::new(Limits::new().max_requests(slots).max_pending_requests(0))
}

fn request<S: Service<Request<()>>>(service: &mut S) -> Result<S::Response, S::Error> {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    match pin!(service.call(Request::new(()))).poll(&mut cx) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("nothing here has to wait"),
    }
}
