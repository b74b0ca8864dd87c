use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::ResponseFuture;
use super::waiting::Waiting;
use crate::admission::Attempt;
use crate::http::{Refused, ResponseBody};
use crate::inbound::accessors::inner_accessors;
use crate::inbound::pool::{InboundPool, SharedPool};
use crate::inbound::progress::Progress;

/// Limits how many requests wait for a service to become ready. See the [module](super).
///
/// Clones share the limit. It is always ready, and holds nothing: each request waits on a clone of
/// the service inside.
#[derive(Clone, Debug)]
pub struct MaxPendingRequests<S> {
    inner: S,
    pool: InboundPool,
}

impl<S> MaxPendingRequests<S> {
    pub(super) fn new(inner: S, pool: InboundPool) -> Self {
        Self { inner, pool }
    }

    /// The pool that limits it; see [`MaxPendingRequestsLayer::pool`].
    ///
    /// [`MaxPendingRequestsLayer::pool`]: super::MaxPendingRequestsLayer::pool
    pub fn pool(&self) -> &InboundPool {
        &self.pool
    }

    inner_accessors!();
}

impl<S, A, B> Service<Request<A>> for MaxPendingRequests<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone,
    B: Body + Send + 'static,
{
    type Response = Response<ResponseBody<B, SharedPool>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, A>;

    /// Always ready: waiting is for the request, and counted there.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    /// # Panics
    ///
    /// In debug builds, if the request has met this pool already.
    fn call(&mut self, mut request: Request<A>) -> Self::Future {
        // Never the ready one, for there is none: `poll_ready` left the service inside alone.
        let fresh = self.inner.clone();
        let wait = if self.pool.state().is_exempt(&request) {
            Waiting::exempt(fresh, request)
        } else {
            self.pool.meet(&mut request);
            if self.pool.is_closed() {
                // Even one that would not have to wait.
                if let Attempt::Overflow(overflow) = self.pool.attempt() {
                    let refused = Refused::Overflow(overflow.into());
                    let response = self.pool.state().refuse(&refused, &request);
                    return ResponseFuture::new(Progress::refused(response));
                }
            }
            Waiting::new(&self.pool, fresh, request)
        };
        ResponseFuture::new(Progress::Waiting { wait })
    }
}
