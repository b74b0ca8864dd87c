//! What rules went through.

use super::sources::Applied;

/// What [`Rules`](super::Rules) went through. Counters only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RulesStats {
    /// How often what is in force changed; a batch counts once. It counts when all subscribers
    /// have been told, and so when the pools that are subscribed obey it.
    pub revision: u64,
    /// How often a source was put and accepted.
    pub updates: u64,
    /// How often a source was rejected, or could not be read.
    pub rejects: u64,
    /// How often a source that was there went away.
    pub removals: u64,
    /// How often the limits of a destination, or of the service itself, became others than before,
    /// for those that asked: see [`Rules::outbound`](super::Rules::outbound) and
    /// [`Rules::inbound`](super::Rules::inbound). A service is unlimited before it asks first, so
    /// limits that it finds then are a change; what is found first of a destination is none. Of a
    /// client's destinations the first 4096 are remembered, and changes of others not counted.
    pub limit_changes: u64,
}

impl RulesStats {
    pub(super) fn add(&mut self, applied: &Applied) {
        self.updates += applied.updates;
        self.removals += applied.removals;
        self.rejects += applied.rejected.len() as u64;
    }
}
