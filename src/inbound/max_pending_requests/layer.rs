use tower_layer::Layer;

use super::MaxPendingRequests;
use crate::Limits;
use crate::inbound::pool::{Builder, InboundPool};

/// Limits how many requests wait for a service to become ready. See the [module](super).
///
/// All services it makes, and all its clones, share one limit.
#[derive(Clone, Debug)]
pub struct MaxPendingRequestsLayer {
    pool: InboundPool,
}

impl MaxPendingRequestsLayer {
    /// At most `max` requests wait at once; `None` is unlimited, and 0 lets none wait.
    ///
    /// Istio: `connectionPool.http.http1MaxPendingRequests`; Envoy: `max_pending_requests`, to
    /// which a request counts that waits for a connection.
    pub fn new(max: impl Into<Option<u32>>) -> Self {
        Self::from_builder(InboundPool::builder().limits(Limits::new().max_pending_requests(max)))
    }

    /// With more to choose than the limit: of the limits given to the builder, only
    /// [`max_pending_requests`](Limits::max_pending_requests) is used.
    ///
    /// ```
    /// use std::time::Duration;
    /// use meshpool::inbound::MaxPendingRequestsLayer;
    /// use meshpool::{InboundPool, Limits};
    ///
    /// let layer = MaxPendingRequestsLayer::from_builder(
    ///     InboundPool::builder()
    ///         .limits(Limits::new().max_pending_requests(20))
    ///         .pending_timeout(Duration::from_secs(1)),
    /// );
    /// layer.pool().update(Limits::new().max_pending_requests(10)); // live
    /// ```
    pub fn from_builder(builder: Builder) -> Self {
        Self {
            pool: builder.waiting_room().build(),
        }
    }

    /// Its pool: to change the limit, to look at statistics, to drain. It has places and no slots:
    /// nothing is ever active in it, and requests that a layer made of it met would wait in vain.
    pub fn pool(&self) -> &InboundPool {
        &self.pool
    }
}

impl<S> Layer<S> for MaxPendingRequestsLayer {
    type Service = MaxPendingRequests<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MaxPendingRequests::new(inner, self.pool.clone())
    }
}
