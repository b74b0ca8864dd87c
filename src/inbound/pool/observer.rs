//! [`Observer`]: what a pool reports as it happens, if anybody is to hear of it.
//!
//! Refusals and the ends of waits, and nothing on the way of a request that is admitted at once.
//! Without the features it is empty, and so is all that it does.

use std::time::Duration;

use crate::http::Refused;
#[cfg(any(feature = "metrics", feature = "tracing"))]
use crate::telemetry;

/// Reports to `tracing` and `metrics`.
#[derive(Debug)]
pub(super) struct Observer {
    #[cfg(feature = "tracing")]
    refusals: telemetry::tracing::Refusals,
    #[cfg(feature = "metrics")]
    waits: telemetry::metrics::Waits,
}

impl Observer {
    #[cfg_attr(not(feature = "metrics"), expect(unused_variables))]
    pub(super) fn new(pool: &str) -> Self {
        Self {
            #[cfg(feature = "tracing")]
            refusals: telemetry::tracing::Refusals::new(),
            #[cfg(feature = "metrics")]
            waits: telemetry::metrics::Waits::new(pool),
        }
    }

    /// A request was refused.
    #[inline]
    #[cfg_attr(not(feature = "tracing"), expect(unused_variables))]
    pub(super) fn refused(&self, pool: &str, refused: impl FnOnce() -> Refused) {
        #[cfg(feature = "tracing")]
        if telemetry::tracing::hears_refusals() {
            self.refusals.report(pool, &refused());
        }
    }

    /// A request waits no longer.
    #[inline]
    pub(super) fn waited(&self, pool: &str, waited: Duration) {
        #[cfg(feature = "tracing")]
        telemetry::tracing::waited(pool, waited);
        #[cfg(feature = "metrics")]
        self.waits.report(waited);
        // Each is for one of the features.
        let _ = (pool, waited);
    }
}
