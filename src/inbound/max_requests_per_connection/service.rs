use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::ResponseFuture;
use crate::inbound::accessors::inner_accessors;
use crate::inbound::connection::{Count, Reply};

/// Counts the requests of one connection and closes it after the last. Made by
/// [`MaxRequestsPerConnection`](super::MaxRequestsPerConnection).
///
/// Clones share the connection.
#[derive(Clone, Debug)]
pub struct CountRequests<S> {
    inner: S,
    count: Arc<Count>,
}

impl<S> CountRequests<S> {
    pub(super) fn new(inner: S, count: Count) -> Self {
        Self {
            inner,
            count: Arc::new(count),
        }
    }

    inner_accessors!();
}

impl<S, A, B> Service<Request<A>> for CountRequests<S>
where
    S: Service<Request<A>, Response = Response<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        self.count.add();
        let reply = Reply::to(&request);
        ResponseFuture::new(self.inner.call(request), self.count.clone(), reply)
    }
}
