//! Exports of what the pools and the rules count, and word of what happens in them.
//!
//! Counters live where they count, in [`admission`](crate::admission), the pools and `istio`; here
//! they are handed on, to the `metrics` facade and to `tracing`. There is no registry here, no background
//! task and no exporter: those are the application's. Without the features all of this compiles to
//! nothing, and with them a request that is admitted at once meets none of it: what is reported as
//! it happens is a refusal or the end of a wait.
//!
#![cfg_attr(
    feature = "metrics",
    doc = "```
use meshpool::telemetry::metrics::PoolMetrics;
use meshpool::{InboundPool, Limits};

let pool = InboundPool::new(Limits::new().max_requests(100));
let metrics = PoolMetrics::new(pool.clone());

// whenever the application is scraped:
metrics.record();
```"
)]

#[cfg(feature = "tracing")]
mod limit;
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub mod metrics;
#[cfg(feature = "tracing")]
#[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
pub mod tracing;
