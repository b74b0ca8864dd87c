//! Typed rules to [`Limits`]: what a `DestinationRule` means for the requests that a process
//! serves, and for those that it sends.
//!
//! What lives here takes rules that are valid, and says what follows from them: the limits, which
//! fields have no effect here and why, and which combinations are probably not meant. It reads no
//! text and knows no pool.

mod effect;
mod inbound;
mod outbound;

use std::num::NonZeroU32;
use std::time::Duration;

pub(super) use self::effect::report_effects;
pub use self::inbound::{OnFull, Protocol};
use super::resource::{ConnectionPool, GoDuration, Spanned, TrafficPolicy};
use crate::limits::Limits;

/// Which requests a rule is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Direction {
    /// Those that the process serves.
    Inbound { on_full: OnFull, protocol: Protocol },
    /// Those that it sends.
    Outbound,
}

/// Whether a policy has anything that limits: a pool, or for those that are sent a retry budget.
pub(super) fn limits_any(policy: &TrafficPolicy, direction: Direction) -> bool {
    policy.connection_pool.is_some()
        || matches!(direction, Direction::Outbound) && policy.retry_budget.is_some()
}

/// The limits of a policy.
pub(super) fn limits(policy: &TrafficPolicy, direction: Direction) -> Limits {
    match direction {
        Direction::Inbound { on_full, protocol } => policy
            .connection_pool
            .as_ref()
            .map_or_else(Limits::new, |pool| {
                inbound::inbound(pool, on_full, protocol)
            }),
        Direction::Outbound => outbound::outbound(policy),
    }
}

/// A number that is set: 0 is unset. Negative ones were refused before.
fn set(field: Option<Spanned<i32>>) -> Option<u32> {
    field
        .and_then(|field| u32::try_from(field.value).ok())
        .filter(|number| *number > 0)
}

/// A duration that is set: 0 is unset. Negative ones were refused before.
fn positive(field: Option<Spanned<GoDuration>>) -> Option<Duration> {
    field.and_then(|field| field.value.positive())
}

fn set_per_connection(pool: &ConnectionPool) -> Option<NonZeroU32> {
    let http = pool.http.as_ref()?;
    set(http.max_requests_per_connection).and_then(NonZeroU32::new)
}

/// The one of `http` wins, and its zero is refused before; the zero of `tcp` is no timeout.
fn idle_timeout(pool: &ConnectionPool) -> Option<Duration> {
    let of_http = pool.http.as_ref().and_then(|http| http.idle_timeout);
    positive(of_http.or_else(|| pool.tcp.as_ref()?.idle_timeout))
}
