use std::task::{Context, Poll};

use tower_service::Service;

use super::{CountRequests, MakeFuture};
use crate::inbound::connection::{Count, Jitter};
use crate::inbound::pool::{InboundPool, PoolHandle, SharedPool};

/// The make-service of [`MaxRequestsPerConnectionLayer`](super::MaxRequestsPerConnectionLayer):
/// each service that it makes counts the requests of its own connection.
#[derive(Clone, Debug)]
pub struct MaxRequestsPerConnection<M, H: PoolHandle = SharedPool> {
    inner: M,
    pool: InboundPool<H>,
    jitter: Jitter,
}

impl<M, H: PoolHandle> MaxRequestsPerConnection<M, H> {
    pub(super) fn new(inner: M, pool: InboundPool<H>, jitter: Jitter) -> Self {
        Self {
            inner,
            pool,
            jitter,
        }
    }

    /// Gets a reference to the inner make-service.
    pub fn get_ref(&self) -> &M {
        &self.inner
    }

    /// Gets a mutable reference to the inner make-service.
    pub fn get_mut(&mut self) -> &mut M {
        &mut self.inner
    }

    /// Gives the inner make-service back.
    pub fn into_inner(self) -> M {
        self.inner
    }
}

impl<M, T, H> Service<T> for MaxRequestsPerConnection<M, H>
where
    M: Service<T>,
    H: PoolHandle,
{
    type Response = CountRequests<M::Response>;
    type Error = M::Error;
    type Future = MakeFuture<M::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), M::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, target: T) -> Self::Future {
        let count = Count::new(self.pool.state().per_connection(), self.jitter);
        MakeFuture::new(self.inner.call(target), count)
    }
}
