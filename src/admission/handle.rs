//! How a permit reaches its pool: [`Handle`], sealed.

use std::sync::Arc;

use super::core::Core;

/// A way to reach an admission that is cheap to copy into each permit: [`Shared`] (an `Arc`) or
/// [`Leaked`] (`&'static`).
///
/// Sealed: a permit gives its slot back to whatever its handle reaches, so only handles that
/// reach one and the same place for ever are sound.
pub trait Handle: sealed::Reach + Clone + Send + Sync + Unpin + 'static {}

impl<T: sealed::Reach + Clone + Send + Sync + Unpin + 'static> Handle for T {}

pub(crate) mod sealed {
    use std::time::Duration;

    use super::Core;

    /// Hidden, so that nobody can reach a core but through this crate.
    pub trait Reach {
        fn core(&self) -> &Core;

        /// Hears that a wait is over.
        fn waited(&self, _time: Duration) {}
    }
}

/// Reaches an admission by `Arc`: freed with the last handle or permit.
///
/// Taking a permit costs one reference count, which threads contend for as for the slots.
#[derive(Clone, Debug)]
pub struct Shared(pub(super) Arc<Core>);

impl sealed::Reach for Shared {
    #[inline]
    fn core(&self) -> &Core {
        &self.0
    }
}

/// Reaches an admission that was leaked and so lives as long as the process: nothing to count,
/// the fastest there is.
#[derive(Clone, Copy, Debug)]
pub struct Leaked(pub(super) &'static Core);

impl sealed::Reach for Leaked {
    #[inline]
    fn core(&self) -> &Core {
        self.0
    }
}
