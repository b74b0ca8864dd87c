use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use crate::http::ResponseBody;
use crate::inbound::pool::PoolHandle;
use crate::inbound::progress::Progress;

pin_project! {
    /// The response future of [`MaxRequests`](super::MaxRequests).
    ///
    /// Dropping it at any point gives back the slot that it has.
    pub struct ResponseFuture<F, H: PoolHandle> {
        #[pin]
        progress: Progress<Infallible, F, H>,
    }
}

impl<F, H: PoolHandle> ResponseFuture<F, H> {
    #[inline]
    pub(super) fn new(progress: Progress<Infallible, F, H>) -> Self {
        Self { progress }
    }
}

impl<F, B, E, H> Future for ResponseFuture<F, H>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body + Send + 'static,
    H: PoolHandle,
{
    type Output = Result<Response<ResponseBody<B, H>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().progress.poll(cx)
    }
}

impl<F, H: PoolHandle> fmt::Debug for ResponseFuture<F, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.progress.fmt(f)
    }
}
