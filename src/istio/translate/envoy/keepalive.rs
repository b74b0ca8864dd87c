//! Keepalives of TCP.

use crate::istio::resource::{self, GoDuration};

/// `SO_KEEPALIVE` of connections. What is `None` is the system's default; a time or interval of 0
/// turns it off, as in Envoy.
///
/// The rule's fields stand over those of the mesh, one by one: the only merge of fields in a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpKeepalive {
    /// How many probes may fail. 0 is unset.
    pub probes: Option<u32>,
    /// After how many seconds without traffic it begins. Fractions are cut off.
    pub time_s: Option<u32>,
    /// How many seconds lie between probes. Fractions are cut off.
    pub interval_s: Option<u32>,
}

impl TcpKeepalive {
    pub(super) fn of(block: &resource::TcpKeepalive) -> Self {
        let probes = block.probes.map(|probes| probes.value);
        Self {
            probes: probes.filter(|probes| *probes > 0),
            time_s: block.time.map(|time| seconds(time.value)),
            interval_s: block.interval.map(|interval| seconds(interval.value)),
        }
    }

    /// This with its gaps filled from another.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            probes: self.probes.or(other.probes),
            time_s: self.time_s.or(other.time_s),
            interval_s: self.interval_s.or(other.interval_s),
        }
    }
}

/// A negative time, which only an admission that is passed by lets through, turns as it does in
/// Istio.
fn seconds(time: GoDuration) -> u32 {
    time.whole_seconds() as u32
}
