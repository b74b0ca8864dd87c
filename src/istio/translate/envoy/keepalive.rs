//! Keepalives of TCP.

use crate::istio::resource::{self, GoDuration};

/// `SO_KEEPALIVE` of connections. What is `None` is the system's default.
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
    /// Of the mesh and of a rule; none if neither has any, but an empty block is one.
    pub(super) fn new(
        mesh: Option<&resource::TcpKeepalive>,
        rule: Option<&resource::TcpKeepalive>,
    ) -> Option<Self> {
        let mut keepalive = None;
        for block in [mesh, rule].into_iter().flatten() {
            let Self {
                probes,
                time_s,
                interval_s,
            } = keepalive.unwrap_or_default();
            keepalive = Some(Self {
                probes: probes_of(block).or(probes),
                time_s: block.time.map(|time| seconds(time.value)).or(time_s),
                interval_s: block
                    .interval
                    .map(|interval| seconds(interval.value))
                    .or(interval_s),
            });
        }
        keepalive
    }
}

/// The probes, unless they are unset or 0.
pub(in crate::istio) fn probes_of(block: &resource::TcpKeepalive) -> Option<u32> {
    block
        .probes
        .map(|probes| probes.value)
        .filter(|probes| *probes > 0)
}

/// A negative time, which only an admission that is passed by lets through, turns as it does in
/// Istio.
fn seconds(time: GoDuration) -> u32 {
    time.whole_seconds() as u32
}
