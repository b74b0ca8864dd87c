use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::ResponseFuture;
use crate::admission::{Acquire, Overflow, Permit};
use crate::http::{Hold, Refused, ResponseBody};
use crate::inbound::accessors::inner_accessors;
use crate::inbound::pool::{InboundPool, PoolHandle, SharedPool};
use crate::inbound::progress::Progress;

/// Limits active requests of an HTTP service, and holds the others back in `poll_ready`. See the
/// [module](super).
///
/// One that is ready holds a slot, and one that was polled and is not ready stands in the queue.
#[derive(Debug)]
pub struct MaxRequests<S, H: PoolHandle = SharedPool> {
    inner: S,
    pool: InboundPool<H>,
    turn: Turn<H>,
}

/// How far a service is on its way to being ready.
#[derive(Debug)]
enum Turn<H: PoolHandle> {
    /// Nobody has asked.
    Unasked,
    /// In the queue.
    Waiting(Acquire<H>),
    /// It has a slot, or knows that there is none to wait for.
    Come(Result<Permit<H>, Overflow>),
}

impl<S, H: PoolHandle> MaxRequests<S, H> {
    /// Limits `inner` by the pool's slots.
    pub fn new(inner: S, pool: InboundPool<H>) -> Self {
        Self {
            inner,
            pool,
            turn: Turn::Unasked,
        }
    }

    /// The pool that limits it.
    pub fn pool(&self) -> &InboundPool<H> {
        &self.pool
    }

    inner_accessors!();

    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // That there was no room once says nothing of now.
        if let Turn::Unasked | Turn::Come(Err(_)) = self.turn {
            if self.pool.is_saturated() {
                self.pool.state().tend_stalls();
            }
            self.turn = Turn::Waiting(self.pool.admission().acquire());
        }
        if let Turn::Waiting(acquire) = &mut self.turn {
            let come = ready!(Pin::new(acquire).poll(cx));
            self.turn = Turn::Come(come);
        }
        Poll::Ready(())
    }
}

impl<S, H, A, B> Service<Request<A>> for MaxRequests<S, H>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Body + Send + 'static,
    H: PoolHandle,
{
    type Response = Response<ResponseBody<B, H>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, H>;

    /// Ready when there is a slot, which it then holds, and the service inside is ready, too.
    /// Those who wait are served in the order in which they first asked.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.poll_turn(cx));
        let inner = ready!(self.inner.poll_ready(cx));
        if inner.is_err() {
            // It will not be called.
            self.turn = Turn::Unasked;
        }
        Poll::Ready(inner)
    }

    /// # Panics
    ///
    /// If it was not ready. In debug builds, if the request holds a permit of this pool already.
    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let Turn::Come(come) = std::mem::replace(&mut self.turn, Turn::Unasked) else {
            panic!("MaxRequests called before poll_ready was ready");
        };
        let version = request.version();
        let hold = if self.pool.state().is_exempt(&request) {
            drop(come);
            Hold::Exempt
        } else {
            match come {
                Ok(permit) => {
                    self.pool.meet(&mut request);
                    self.pool.state().count_admitted();
                    Hold::new(permit, &mut request)
                }
                Err(overflow) => {
                    let refused = Refused::Overflow(overflow);
                    let response = self.pool.state().refuse(&refused, &request);
                    return ResponseFuture::new(Progress::refused(response));
                }
            }
        };
        ResponseFuture::new(Progress::running(self.inner.call(request), hold, version))
    }
}

impl<S: Clone, H: PoolHandle> Clone for MaxRequests<S, H> {
    /// Written by hand: a permit, or a turn in the queue, belongs to one request, so the clone
    /// begins without and has to become ready itself.
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.pool.clone())
    }
}
