//! Typed rules to [`Limits`]: what a `DestinationRule` means for the requests that a process
//! serves, and for those that it sends.
//!
//! What lives here takes rules that are valid, and says what follows from them: which of their
//! blocks hold ([`Levels`]), what these are in Envoy's terms ([`Envoy`]), the limits, which fields
//! have no effect here and why, and which combinations are probably not meant. It reads no text
//! and knows no pool.

mod effect;
mod envoy;
mod inbound;
mod levels;
mod outbound;
mod protocol;

pub(super) use self::effect::report_effects;
pub(super) use self::envoy::{Around, Blocks, Envoy};
pub use self::envoy::{
    CommonHttpOptions, Http2Keepalive, HttpProtocolOptions, OutlierDetection, RetryBudget,
    TcpKeepalive, Thresholds, UpstreamProtocol,
};
pub use self::inbound::OnFull;
pub(super) use self::inbound::inbound as inbound_limits;
pub(super) use self::levels::{Level, Levels, Owner};
pub(super) use self::outbound::outbound as outbound_limits;
pub use self::protocol::Protocol;
use super::resource::{Spanned, TrafficPolicy};
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

/// The limits of a policy by itself: of every port, in no mesh.
pub(super) fn limits(policy: &TrafficPolicy, direction: Direction) -> Limits {
    let blocks = Blocks {
        pool: policy.connection_pool.as_ref().map(|pool| &pool.value),
        retry_budget: policy.retry_budget.as_ref().map(|budget| &budget.value),
        outlier: None,
    };
    match direction {
        Direction::Inbound { on_full, protocol } => {
            let envoy = Envoy::new(blocks, Around::default(), protocol, true);
            inbound_limits(&envoy, protocol, on_full)
        }
        Direction::Outbound => {
            let envoy = Envoy::new(blocks, Around::default(), Protocol::default(), false);
            outbound_limits(&envoy)
        }
    }
}

/// A number that is set: 0 is unset. Negative ones were refused before.
fn set(field: Option<Spanned<i32>>) -> Option<u32> {
    field
        .and_then(|field| u32::try_from(field.value).ok())
        .filter(|number| *number > 0)
}
