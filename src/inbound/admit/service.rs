use std::task::{Context, Poll};

use tower_service::Service;

use super::{Error, ResponseFuture};
use crate::admission::{Attempt, Packed};
use crate::http::{PendingTimeout, Refused};
use crate::inbound::accessors::inner_accessors;
use crate::inbound::pool::{InboundPool, PoolHandle, SharedPool};
use crate::inbound::queued::Queued;

/// Limits active and pending requests of any service. See the [module](super).
///
/// Clones share the pool. A clone that is ready holds nothing.
#[derive(Clone, Debug)]
pub struct Admit<S, H: PoolHandle = SharedPool> {
    inner: S,
    pool: InboundPool<H>,
}

impl<S, H: PoolHandle> Admit<S, H> {
    /// Limits `inner` by the pool.
    pub fn new(inner: S, pool: InboundPool<H>) -> Self {
        Self { inner, pool }
    }

    /// The pool that limits it.
    pub fn pool(&self) -> &InboundPool<H> {
        &self.pool
    }

    inner_accessors!();
}

impl<S, H, R> Service<R> for Admit<S, H>
where
    S: Service<R> + Clone,
    H: PoolHandle,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = ResponseFuture<S, R, H>;

    /// Ready when the service inside is; a slot is no matter here.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Error::Service)
    }

    #[inline]
    fn call(&mut self, request: R) -> Self::Future {
        match self.pool.admit() {
            Some(permit) => ResponseFuture::running(self.inner.call(request), permit),
            None => self.call_slowly(request),
        }
    }
}

impl<S, H: PoolHandle> Admit<S, H> {
    /// There was no slot at once: has the request wait, if it can.
    #[cold]
    fn call_slowly<R>(&mut self, request: R) -> ResponseFuture<S, R, H>
    where
        S: Service<R> + Clone,
    {
        if let Some(overflow) = self.pool.admission().refuse() {
            return self.refused(overflow);
        }
        match self.pool.attempt() {
            Attempt::Admitted(permit) => ResponseFuture::running(self.inner.call(request), permit),
            Attempt::MustWait => {
                let timeout = self
                    .pool
                    .state()
                    .pending_timeout()
                    .map(|after| PendingTimeout {
                        after,
                        by_caller: false,
                    });
                // The ready service stays where it is, for the next request.
                let fresh = self.inner.clone();
                ResponseFuture::queued(Queued::new(&self.pool, fresh, request, timeout))
            }
            Attempt::Overflow(overflow) => self.refused(overflow),
        }
    }

    #[inline]
    fn refused<R>(&self, overflow: Packed) -> ResponseFuture<S, R, H>
    where
        S: Service<R>,
    {
        self.pool
            .state()
            .refused(|| Refused::Overflow(overflow.into()));
        ResponseFuture::refused(overflow)
    }
}
