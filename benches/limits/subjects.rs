//! What is measured, and what it is measured around.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Buf;
use http_body::Body;
use meshpool::inbound::{LeakedPool, SharedPool};
use meshpool::{InboundPool, Limits};
use tokio::sync::Semaphore;
use tower::limit::{ConcurrencyLimit, GlobalConcurrencyLimitLayer};
use tower::load_shed::LoadShed;
use tower::{Layer, Service};
use tower_resilience_bulkhead::{Bulkhead, BulkheadLayer};

/// Far more than one thread at a time takes.
pub(crate) const PLENTY: u32 = 1000;

/// A service that is always ready, and answers after so many turns of work: 64 are about 60 ns.
#[derive(Clone, Debug)]
pub(crate) struct Working<const TURNS: usize>;

/// Answers at once.
pub(crate) const BARE: Working<0> = Working;

impl<const TURNS: usize> Service<u64> for Working<TURNS> {
    type Response = u64;
    type Error = Infallible;
    type Future = Ready<Result<u64, Infallible>>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: u64) -> Self::Future {
        let turn = |x: u64, _| black_box(x.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7));
        ready(Ok((0..TURNS).fold(black_box(request), turn)))
    }
}

/// Sees one request through a service that never has to wait: ready, call, response. Always
/// inlined, lest it is for some services and not for others.
#[inline(always)]
pub(crate) fn request<S: Service<R>, R>(
    service: &mut S,
    request: R,
) -> Result<S::Response, S::Error> {
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(ready) = service.poll_ready(&mut cx) else {
        unreachable!("nothing here has to wait");
    };
    ready?;
    let future = pin!(service.call(request));
    let Poll::Ready(response) = future.poll(&mut cx) else {
        unreachable!("nothing here has to wait");
    };
    response
}

fn pool(slots: u32, counted: bool) -> InboundPool {
    InboundPool::builder()
        .limits(Limits::new().max_requests(slots).max_pending_requests(0))
        .count_admitted(counted)
        .build()
}

pub(crate) fn meshpool_arc(slots: u32) -> InboundPool<SharedPool> {
    pool(slots, false)
}

pub(crate) fn meshpool_static(slots: u32) -> InboundPool<LeakedPool> {
    pool(slots, false).leak()
}

pub(crate) fn meshpool_counted(slots: u32) -> InboundPool<LeakedPool> {
    pool(slots, true).leak()
}

pub(crate) fn tower_concurrency_limit<S>(service: S, slots: u32) -> ConcurrencyLimit<S> {
    GlobalConcurrencyLimitLayer::new(slots as usize).layer(service)
}

pub(crate) fn tower_load_shed<S>(
    service: S,
    slots: &Arc<Semaphore>,
) -> LoadShed<ConcurrencyLimit<S>> {
    let limit = GlobalConcurrencyLimitLayer::with_semaphore(slots.clone());
    LoadShed::new(limit.layer(service))
}

pub(crate) fn tower_resilience_bulkhead<S>(service: S, slots: u32) -> Bulkhead<S> {
    BulkheadLayer::builder()
        .max_concurrent_calls(slots as usize)
        .build()
        .expect("a bulkhead of at least one slot")
        .layer(service)
}

/// Reads a body, all of which is there, to its end; how many bytes it had.
#[inline]
pub(crate) fn read<B: Body>(body: B) -> usize
where
    B::Error: std::fmt::Debug,
{
    let mut cx = Context::from_waker(Waker::noop());
    let mut body = pin!(body);
    let mut bytes = 0;
    loop {
        match body.as_mut().poll_frame(&mut cx) {
            Poll::Ready(Some(frame)) => {
                let data = frame.unwrap().into_data().ok();
                bytes += data.map_or(0, |data| data.remaining());
            }
            Poll::Ready(None) => return bytes,
            Poll::Pending => unreachable!("nothing here has to wait"),
        }
    }
}
