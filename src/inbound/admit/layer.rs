use tower_layer::Layer;

use super::Admit;
use crate::inbound::pool::{InboundPool, PoolHandle, SharedPool};

/// Limits active and pending requests of any service. See the [module](super).
#[derive(Clone, Debug)]
pub struct AdmitLayer<H: PoolHandle = SharedPool> {
    pool: InboundPool<H>,
}

impl<H: PoolHandle> AdmitLayer<H> {
    /// The layer of a pool; the same as [`InboundPool::admit_layer`].
    pub fn new(pool: InboundPool<H>) -> Self {
        Self { pool }
    }
}

impl<S, H: PoolHandle> Layer<S> for AdmitLayer<H> {
    type Service = Admit<S, H>;

    fn layer(&self, inner: S) -> Self::Service {
        Admit::new(inner, self.pool.clone())
    }
}
