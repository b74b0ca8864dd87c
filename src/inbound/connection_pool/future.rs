use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::http::{Hold, ResponseBody};
use crate::inbound::pool::PoolHandle;
use crate::inbound::progress::{Progress, Wait};
use crate::inbound::queued::{Failed, Queued};

/// A request that waits for its slot.
type Waiting<S, A, H> = Pin<Box<Queued<S, Request<A>, H>>>;

pin_project! {
    /// The response future of [`ConnectionPool`](super::ConnectionPool).
    ///
    /// Dropping it at any point gives back the place or the slot that it has.
    pub struct ResponseFuture<S, A, H: PoolHandle>
    where
        S: Service<Request<A>>,
    {
        #[pin]
        progress: Progress<Waiting<S, A, H>, S::Future, H>,
    }
}

impl<S, A, H> ResponseFuture<S, A, H>
where
    S: Service<Request<A>>,
    H: PoolHandle,
{
    #[inline]
    pub(super) fn new(progress: Progress<Waiting<S, A, H>, S::Future, H>) -> Self {
        Self { progress }
    }
}

impl<S, A, H> Wait<S::Future, S::Error, H> for Waiting<S, A, H>
where
    S: Service<Request<A>>,
    H: PoolHandle,
{
    fn poll_wait(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Progress<Self, S::Future, H>, S::Error>> {
        let queued = self.get_mut();
        Poll::Ready(match ready!(queued.as_mut().poll_turn(cx)) {
            Ok((permit, mut request, service)) => {
                let hold = Hold::new(permit, &mut request);
                let version = request.version();
                Ok(Progress::running(service.call(request), hold, version))
            }
            Err(Failed::Refused(refused)) => {
                let response = queued.pool().refuse(&refused, queued.request());
                Ok(Progress::refused(response))
            }
            Err(Failed::Service(error)) => Err(error),
        })
    }
}

impl<S, A, B, H> Future for ResponseFuture<S, A, H>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Body + Send + 'static,
    H: PoolHandle,
{
    type Output = Result<Response<ResponseBody<B, H>>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().progress.poll(cx)
    }
}

impl<S, A, H> fmt::Debug for ResponseFuture<S, A, H>
where
    S: Service<Request<A>>,
    H: PoolHandle,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.progress.fmt(f)
    }
}
