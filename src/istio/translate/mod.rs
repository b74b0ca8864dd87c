//! Typed rules to [`Limits`](crate::Limits): what a `DestinationRule` means for the requests that a
//! process serves, and for those that it sends.
//!
//! What lives here takes rules that are valid, and says what follows from them: which of their
//! blocks hold ([`Levels`]), what these are in Envoy's terms ([`Envoy`]), and the limits. It reads no
//! text and knows no pool.

mod envoy;
mod inbound;
mod levels;
mod outbound;
mod protocol;

pub(super) use self::envoy::{Around, Blocks, Envoy, Pool};
pub use self::envoy::{
    CommonHttpOptions, Http2Keepalive, HttpProtocolOptions, OutlierDetection, RetryBudget,
    TcpKeepalive, Thresholds, UpstreamProtocol,
};
pub(super) use self::inbound::Numbers as InboundNumbers;
pub use self::inbound::OnFull;
pub(super) use self::inbound::inbound as inbound_limits;
pub(super) use self::levels::{Level, Levels, Owner};
pub(super) use self::outbound::outbound as outbound_limits;
pub use self::protocol::Protocol;
use super::resource::Spanned;

/// A number that is set: 0 is unset, and so is what is negative, as in Istio.
pub(super) fn set(field: Option<Spanned<i32>>) -> Option<u32> {
    field.and_then(|field| envoy::limit(field.value))
}
