use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::ResponseFuture;
use crate::admission::Attempt;
use crate::http::{Hold, Refused, ResponseBody};
use crate::inbound::pool::{InboundPool, PoolHandle, Shared};
use crate::inbound::queued::{self, Queued};

/// Limits active and pending requests of an HTTP service. See the [module](super).
///
/// Clones share the pool. A clone that is ready holds nothing.
#[derive(Clone, Debug)]
pub struct ConnectionPool<S, H: PoolHandle = Shared> {
    inner: S,
    pool: InboundPool<H>,
}

impl<S, H: PoolHandle> ConnectionPool<S, H> {
    /// Limits `inner` by the pool.
    pub fn new(inner: S, pool: InboundPool<H>) -> Self {
        Self { inner, pool }
    }

    /// The pool that limits it.
    pub fn pool(&self) -> &InboundPool<H> {
        &self.pool
    }

    /// Gets a reference to the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Gets a mutable reference to the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Gives the inner service back.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, H, A, B> Service<Request<A>> for ConnectionPool<S, H>
where
    S: Service<Request<A>, Response = Response<B>> + Clone,
    B: Body + Send + 'static,
    H: PoolHandle,
{
    type Response = Response<ResponseBody<B, H>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, A, H>;

    /// Ready when the service inside is; a slot is no matter here.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    /// # Panics
    ///
    /// In debug builds, if the request holds a permit of this pool already. As the service
    /// inside does, when it is called without having been ready.
    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        let hold = if self.pool.state().is_exempt(&request) {
            Hold::Exempt
        } else {
            self.pool.meet(&mut request);
            match self.pool.admit() {
                Some(permit) => Hold::new(permit, &mut request),
                None => return self.call_slowly(request),
            }
        };
        let version = request.version();
        ResponseFuture::running(self.inner.call(request), hold, version)
    }
}

impl<S, H: PoolHandle> ConnectionPool<S, H> {
    /// There was no slot at once: has the request wait, if it can.
    #[cold]
    fn call_slowly<A>(&mut self, mut request: Request<A>) -> ResponseFuture<S, A, H>
    where
        S: Service<Request<A>> + Clone,
    {
        match self.pool.attempt() {
            Attempt::Admitted(permit) => {
                let hold = Hold::new(permit, &mut request);
                let version = request.version();
                ResponseFuture::running(self.inner.call(request), hold, version)
            }
            Attempt::MustWait => {
                let timeout = queued::timeout(self.pool.state(), &request);
                // The ready service stays where it is, for the next request.
                let fresh = self.inner.clone();
                ResponseFuture::queued(Queued::new(&self.pool, fresh, request, timeout))
            }
            Attempt::Overflow(overflow) => {
                let refused = Refused::Overflow(overflow.into());
                ResponseFuture::refused(self.pool.state().refuse(&refused, &request))
            }
        }
    }
}
