//! Limits that hold to one, on several threads, as the upstream counts.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::future::join_all;
use futures::stream::iter;
use http::Response;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use meshpool::Limits;
use meshpool::admission::Resource;

use crate::support::{
    Pool, client, get, http2_client, nothing_is_left, stats, text, until, within,
};
use crate::upstream::{Body, Upstream};

const CALLERS: usize = 16;
const REQUESTS: usize = 20;

/// Requests that an upstream has not answered to the end.
#[derive(Default)]
struct Served {
    active: AtomicUsize,
    most: AtomicUsize,
}

impl Served {
    fn begin(&self) {
        let active = self.active.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(active, Ordering::SeqCst);
    }

    /// A body of three parts. Its request has ended for the upstream before the last is sent, and
    /// so before it can have for the client.
    fn body(self: &Arc<Self>) -> Body {
        let served = self.clone();
        let parts = (0..3).map(move |n| {
            if n == 2 {
                served.active.fetch_sub(1, Ordering::SeqCst);
            }
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"part")))
        });
        BodyExt::boxed(StreamBody::new(iter(parts)))
    }
}

fn answer_all(mut upstream: Upstream) -> Arc<Served> {
    let served = Arc::new(Served::default());
    let counts = served.clone();
    tokio::spawn(async move {
        loop {
            let arrival = upstream.next_or_never().await;
            counts.begin();
            let counts = counts.clone();
            tokio::spawn(async move {
                // Some time, so that they meet.
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                arrival.answer_with(Response::new(counts.body()));
            });
        }
    });
    served
}

/// Bursts from many tasks on several threads; how many were answered, and how many refused.
async fn bursts(client: &Pool, addr: std::net::SocketAddr) -> (usize, usize) {
    let callers = (0..CALLERS).map(|_| {
        let client = client.clone();
        tokio::spawn(async move {
            let mut counts = (0, 0);
            for _ in 0..REQUESTS {
                match get(&client, addr, "/").await {
                    Ok(response) => {
                        assert_eq!(text(response).await.unwrap(), "partpartpart");
                        counts.0 += 1;
                    }
                    Err(error) => {
                        let overflow = error.overflow().expect("nothing else can go wrong");
                        assert_eq!(overflow.resource, Resource::MaxRequests);
                        counts.1 += 1;
                        tokio::task::yield_now().await;
                    }
                }
            }
            counts
        })
    });
    let counts = within(join_all(callers)).await;
    let counts = counts.into_iter().map(Result::unwrap);
    counts.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn max_requests_is_never_passed_on_any_thread() {
    for (limit, is_http2) in [(1, false), (3, false), (1, true), (3, true)] {
        let limits = Limits::new().max_requests(limit);
        let (upstream, client) = match is_http2 {
            true => (Upstream::http2().await, http2_client(limits)),
            false => (Upstream::http1().await, client(limits)),
        };
        let addr = upstream.addr;
        let served = answer_all(upstream);
        let (answered, refused) = bursts(&client, addr).await;
        assert_eq!(answered + refused, CALLERS * REQUESTS);
        assert!(answered > 0 && refused > 0, "{answered} answered");
        let most = served.most.load(Ordering::SeqCst);
        assert!(most <= limit as usize, "{most} at once, {limit} may");
        let counters = stats(&client, addr).counters;
        assert_eq!(counters.rq_active_overflow, refused as u64);
        nothing_is_left(&client).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn max_connections_and_streams_are_never_passed_on_any_thread() {
    let limits = Limits::new().max_connections(2).max_concurrent_streams(3);
    let upstream = Upstream::http2().await;
    let addr = upstream.addr;
    let client = http2_client(limits);
    let served = answer_all(upstream);
    let (answered, refused) = bursts(&client, addr).await;
    assert_eq!((answered, refused), (CALLERS * REQUESTS, 0));
    let most = served.most.load(Ordering::SeqCst);
    assert!((4..=6).contains(&most), "{most} at once");
    until(|| stats(&client, addr).rq_active == 0).await;
    assert_eq!(stats(&client, addr).counters.cx_total, 2);
    nothing_is_left(&client).await;
}
