use tower_layer::Layer;

use super::MaxRequests;
use crate::Limits;
use crate::inbound::pool::{InboundPool, PoolHandle, SharedPool};

/// Limits active requests of an HTTP service, and holds the others back in `poll_ready`. See the
/// [module](super).
///
/// All services it makes, and all its clones, share one limit.
#[derive(Clone, Debug)]
pub struct MaxRequestsLayer<H: PoolHandle = SharedPool> {
    pool: InboundPool<H>,
}

impl MaxRequestsLayer {
    /// At most `max` requests are active at once; `None` is unlimited, and 0 admits nothing.
    ///
    /// The limit is that of a pool of this layer's own; [`pool`](Self::pool) changes it. Istio:
    /// `connectionPool.http.http2MaxRequests`; Envoy, which refuses where this holds back:
    /// `max_requests`.
    pub fn new(max: impl Into<Option<u32>>) -> Self {
        Self::from_pool(InboundPool::new(Limits::new().max_requests(max)))
    }
}

impl<H: PoolHandle> MaxRequestsLayer<H> {
    /// The layer of a pool, whose slots it takes.
    ///
    /// If the pool limits pending requests, no more than so many wait in `poll_ready`, and for one
    /// more the service is ready and refuses. Its pending timeout does not apply: how long a
    /// service may be un-ready is for others to say.
    pub fn from_pool(pool: InboundPool<H>) -> Self {
        Self { pool }
    }

    /// The pool: to change the limit, to look at statistics, to drain.
    pub fn pool(&self) -> &InboundPool<H> {
        &self.pool
    }
}

impl<S, H: PoolHandle> Layer<S> for MaxRequestsLayer<H> {
    type Service = MaxRequests<S, H>;

    fn layer(&self, inner: S) -> Self::Service {
        MaxRequests::new(inner, self.pool.clone())
    }
}
