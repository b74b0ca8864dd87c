use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::waiting::Waiting;
use crate::http::ResponseBody;
use crate::inbound::pool::SharedPool;
use crate::inbound::progress::Progress;

pin_project! {
    /// The response future of [`MaxPendingRequests`](super::MaxPendingRequests).
    ///
    /// Dropping it at any point gives back the place that it has.
    pub struct ResponseFuture<S, A>
    where
        S: Service<Request<A>>,
    {
        #[pin]
        progress: Progress<Waiting<S, A>, S::Future, SharedPool>,
    }
}

impl<S, A> ResponseFuture<S, A>
where
    S: Service<Request<A>>,
{
    #[inline]
    pub(super) fn new(progress: Progress<Waiting<S, A>, S::Future, SharedPool>) -> Self {
        Self { progress }
    }
}

impl<S, A, B> Future for ResponseFuture<S, A>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Body + Send + 'static,
{
    type Output = Result<Response<ResponseBody<B, SharedPool>>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().progress.poll(cx)
    }
}

impl<S, A> fmt::Debug for ResponseFuture<S, A>
where
    S: Service<Request<A>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.progress.fmt(f)
    }
}
