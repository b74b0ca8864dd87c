use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::ResponseFuture;
use crate::admission::Attempt;
use crate::http::{Hold, Refused, RequestHead, ResponseBody};
use crate::inbound::accessors::inner_accessors;
use crate::inbound::pool::{InboundPool, PoolHandle, SharedPool};
use crate::inbound::progress::Progress;
use crate::inbound::queued::{self, Queued};

/// Limits active and pending requests of an HTTP service. See the [module](super).
///
/// Clones share the pool. A clone that is ready holds nothing.
#[derive(Clone, Debug)]
pub struct ConnectionPool<S, H: PoolHandle = SharedPool> {
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

    inner_accessors!();
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
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    /// # Panics
    ///
    /// In debug builds, if the request holds a permit of this pool already. As the service
    /// inside does, when it is called without having been ready.
    #[inline]
    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        // What nearly all requests are, in a few instructions; the others take their time.
        let is_plain =
            !self.pool.state().has_exemptions() && !RequestHead::of(&request).may_ask_for_upgrade();
        if is_plain {
            if let Some(permit) = self.pool.admit() {
                self.pool.meet(&mut request);
                // As `run` does; but passed on once more the request would be copied.
                let version = request.version();
                let future = self.inner.call(request);
                let progress = Progress::running(future, Hold::Permit(permit), version);
                return ResponseFuture::new(progress);
            }
        }
        self.call_slowly(request)
    }
}

impl<S, H: PoolHandle> ConnectionPool<S, H> {
    #[inline]
    fn run<A>(&mut self, request: Request<A>, hold: Hold<H>) -> ResponseFuture<S, A, H>
    where
        S: Service<Request<A>>,
    {
        let version = request.version();
        let future = self.inner.call(request);
        ResponseFuture::new(Progress::running(future, hold, version))
    }

    /// Whatever the request is, and whether or not there is a slot: has it wait, if it can.
    #[inline(never)]
    fn call_slowly<A>(&mut self, mut request: Request<A>) -> ResponseFuture<S, A, H>
    where
        S: Service<Request<A>> + Clone,
    {
        if self.pool.state().is_exempt(&request) {
            return self.run(request, Hold::Exempt);
        }
        self.pool.meet(&mut request);
        let attempt = match self.pool.admit() {
            Some(permit) => Attempt::Admitted(permit),
            None => self.pool.attempt(),
        };
        ResponseFuture::new(match attempt {
            Attempt::Admitted(permit) => {
                let hold = Hold::new(permit, &mut request);
                return self.run(request, hold);
            }
            Attempt::MustWait => {
                let timeout = queued::timeout(self.pool.state(), &request);
                // The ready service stays where it is, for the next request.
                let fresh = self.inner.clone();
                let wait = Queued::new(&self.pool, fresh, request, timeout);
                Progress::Waiting { wait }
            }
            Attempt::Overflow(overflow) => {
                let refused = Refused::Overflow(overflow.into());
                Progress::refused(self.pool.state().refuse(&refused, &request))
            }
        })
    }
}
