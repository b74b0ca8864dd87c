use tower_layer::Layer;

use super::MaxRequestsPerConnection;
use crate::inbound::connection::Jitter;
use crate::inbound::pool::{InboundPool, PoolHandle, SharedPool};

/// Retires HTTP/1 connections after a number of requests: a layer over make-services. See the
/// [module](super).
///
/// The number is that of the pool's limits, live.
#[derive(Clone, Debug)]
pub struct MaxRequestsPerConnectionLayer<H: PoolHandle = SharedPool> {
    pool: InboundPool<H>,
    jitter: Jitter,
}

impl<H: PoolHandle> MaxRequestsPerConnectionLayer<H> {
    /// The layer of a pool; the same as
    /// [`InboundPool::max_requests_per_connection_layer`].
    pub fn new(pool: InboundPool<H>) -> Self {
        Self {
            pool,
            jitter: Jitter::default(),
        }
    }

    /// Takes a share of the limit off, at random, up to `share`, once for each connection, so
    /// that connections opened together do not all close together. A tenth of it is always left,
    /// and at least one request. Default: 0, the limit is exact.
    ///
    /// # Panics
    ///
    /// If `share` is not within 0 and 1.
    #[must_use]
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = Jitter::new(share);
        self
    }
}

impl<H: PoolHandle> InboundPool<H> {
    /// A layer over make-services that retires HTTP/1 connections after the pool's
    /// [`max_requests_per_connection`](crate::Limits::max_requests_per_connection), for plain
    /// `axum::serve`. See [`max_requests_per_connection`](crate::inbound::max_requests_per_connection).
    pub fn max_requests_per_connection_layer(&self) -> MaxRequestsPerConnectionLayer<H> {
        MaxRequestsPerConnectionLayer::new(self.clone())
    }
}

impl<M, H: PoolHandle> Layer<M> for MaxRequestsPerConnectionLayer<H> {
    type Service = MaxRequestsPerConnection<M, H>;

    fn layer(&self, inner: M) -> Self::Service {
        MaxRequestsPerConnection::new(inner, self.pool.clone(), self.jitter)
    }
}
