//! [`PoolStats`]: what a pool can say of itself.

use std::ops::Deref;

use super::state::State;
use crate::admission::Stats;

/// Limits and use of one instant, and what was counted: all of [`Stats`], and the running total.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PoolStats {
    /// What the admission counted.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub admission: Stats,
    /// How many requests were admitted in all; `None` if they are not
    /// [counted](super::Builder::count_admitted).
    pub admitted: Option<u64>,
}

impl PoolStats {
    pub(super) fn new(mut admission: Stats, state: &State) -> Self {
        if state.is_waiting_room() {
            // It has no slots by design, not by a limit.
            admission.max_requests = None;
            let overflowed = &mut admission.overflowed;
            overflowed.max_pending_requests += std::mem::take(&mut overflowed.max_requests);
        }
        Self {
            admission,
            admitted: state.admitted(),
        }
    }
}

impl Deref for PoolStats {
    type Target = Stats;

    fn deref(&self) -> &Stats {
        &self.admission
    }
}
