//! Events through `tracing`.
//!
//! | event | level | when | fields |
//! |---|---|---|---|
//! | `overflow` | `WARN` | a request was refused; at most one event a second for each pool | `pool`; `reason`: `max_requests`, `max_pending_requests`, `closed`, `pending_timeout` or `deadline`; `limit`, `active`, `pending` where a limit was the reason; `suppressed`: how many refusals since the last event had none of their own |
//! | `queued request got its slot` | `DEBUG` | a request had to wait, and waits no longer | `pool`; `waited_us`: how long, in microseconds |
//! | `rule file rejected, the limits in force stay` | `WARN` | a file that `istio::watch` follows is not valid | `file`; `problems`: each with its line, and what would be right |
//! | `limits changed` | `INFO` | the limits that `istio::rules` or the file of a `RuleWatch` sets became others | `of`: whose, which is the host of the service, a destination, or the file; `from`, `to`: the limits; `revision`: that of the rules, or of the file |
//! | `rules rejected, what was in force stays` | `WARN` | a source of `istio::rules`, a file or an object of a cluster, is not valid or cannot be read | `problems`: each with its place, and what would be right |
//! | `rules may be missing` | `WARN` | a file or directory that `istio::watch` was told of is not there, nor the mesh's ConfigMap for `istio::kube`, or the mesh's root namespace is not followed | `problem`: which, and what follows from it |
//!
//! The target of all is `meshpool`. `pool` is the pool's
//! [name](crate::inbound::Builder::name). Waits are reported by pools that
//! [time them](crate::inbound::Builder::time_waits). In observe mode nothing is refused, and
//! nothing reported. Envoy has no such events; its access log has the response flag `UO`.
//!
//! ```
//! use meshpool::{InboundPool, Limits};
//!
//! tracing_subscriber::fmt().with_env_filter("meshpool=debug").init();
//! let pool = InboundPool::builder()
//!     .name("user")
//!     .limits(Limits::new().max_requests(100))
//!     .build();
//! # let _ = pool;
//! ```

use std::time::{Duration, Instant};

use ::tracing::level_filters::LevelFilter;

use super::limit::OncePerSecond;
use crate::http::Refused;

/// Whether any subscriber could take an interest, by one load: a flood of refusals is to cost
/// nothing where nobody listens.
///
/// It asks for the level alone. Where layers filter each for itself, an `enabled!` that no event
/// follows can cost one of them the next event.
#[inline]
pub(crate) fn hears_refusals() -> bool {
    LevelFilter::current() >= LevelFilter::WARN
}

/// Reports the refusals of one pool.
#[derive(Debug)]
pub(crate) struct Refusals(OncePerSecond);

impl Refusals {
    pub(crate) fn new() -> Self {
        Self(OncePerSecond::new(Instant::now()))
    }

    #[cold]
    pub(crate) fn report(&self, pool: &str, refused: &Refused) {
        let Some(suppressed) = self.0.admit(Instant::now()) else {
            return;
        };
        match refused {
            Refused::Overflow(overflow) => ::tracing::warn!(
                target: "meshpool",
                pool,
                reason = overflow.resource.as_str(),
                limit = overflow.limit,
                active = overflow.active,
                pending = overflow.pending,
                suppressed,
                "overflow"
            ),
            Refused::PendingTimeout(timeout) => ::tracing::warn!(
                target: "meshpool",
                pool,
                reason = if timeout.by_caller { "deadline" } else { "pending_timeout" },
                suppressed,
                "overflow"
            ),
        }
    }
}

/// Reports the end of a wait.
#[cold]
pub(crate) fn waited(pool: &str, waited: Duration) {
    ::tracing::debug!(
        target: "meshpool",
        pool,
        waited_us = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX),
        "queued request got its slot"
    );
}
