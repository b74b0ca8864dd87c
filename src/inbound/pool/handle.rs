//! How a service and its permits reach their pool: [`PoolHandle`], sealed.

use std::sync::Arc;
use std::time::Duration;

use super::state::State;
use crate::admission::{Core, Handle, Reach};

/// A way to reach an [`InboundPool`](super::InboundPool): [`SharedPool`] (an `Arc`, the default) or
/// [`LeakedPool`] (`&'static`, by [`leak`](super::InboundPool::leak)). Sealed.
pub trait PoolHandle: Handle + sealed::Reach {}

impl<T: Handle + sealed::Reach> PoolHandle for T {}

pub(crate) mod sealed {
    use super::State;

    pub trait Reach {
        fn state(&self) -> &State;
    }
}

/// Reaches a pool by `Arc`: freed with its last handle, layer, service and permit.
#[derive(Clone, Debug)]
pub struct SharedPool(pub(super) Arc<State>);

/// Reaches a pool that lives as long as the process.
#[derive(Clone, Copy, Debug)]
pub struct LeakedPool(pub(super) &'static State);

impl sealed::Reach for SharedPool {
    #[inline]
    fn state(&self) -> &State {
        &self.0
    }
}

impl sealed::Reach for LeakedPool {
    #[inline]
    fn state(&self) -> &State {
        self.0
    }
}

impl Reach for SharedPool {
    #[inline]
    fn core(&self) -> &Core {
        self.0.core()
    }

    fn waited(&self, time: Duration) {
        self.0.waited(time);
    }
}

impl Reach for LeakedPool {
    #[inline]
    fn core(&self) -> &Core {
        self.0.core()
    }

    fn waited(&self, time: Duration) {
        self.0.waited(time);
    }
}
