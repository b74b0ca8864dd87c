use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::CountRequests;
use crate::inbound::connection::{Count, Reply};

pin_project! {
    /// The future of [`MaxRequestsPerConnection`](super::MaxRequestsPerConnection).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct MakeFuture<F> {
        #[pin]
        future: F,
        count: Option<Count>,
    }
}

pin_project! {
    /// The response future of [`CountRequests`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        future: F,
        count: Arc<Count>,
        reply: Reply,
    }
}

impl<F> MakeFuture<F> {
    pub(super) fn new(future: F, count: Count) -> Self {
        Self {
            future,
            count: Some(count),
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(future: F, count: Arc<Count>, reply: Reply) -> Self {
        Self {
            future,
            count,
            reply,
        }
    }
}

impl<F, S, E> Future for MakeFuture<F>
where
    F: Future<Output = Result<S, E>>,
{
    type Output = Result<CountRequests<S>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let service = ready!(this.future.poll(cx))?;
        let count = this.count.take().expect("polled after it was ready");
        Poll::Ready(Ok(CountRequests::new(service, count)))
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.future.poll(cx))?;
        this.reply.close_if_reached(this.count, &mut response);
        Poll::Ready(Ok(response))
    }
}
