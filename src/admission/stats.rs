//! [`Stats`]: what an admission says of itself.

use std::time::Duration;

/// What an admission has counted, with its limits and use at one instant.
///
/// Limits, `active`, `pending` and `uncounted` belong together: they are read under the lock that
/// limit changes hold. The counters are read one by one, just after.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// The limit on active requests in force; `None` is unlimited.
    pub max_requests: Option<u32>,
    /// The limit on pending requests in force; `None` is unlimited.
    pub max_pending_requests: Option<u32>,
    /// Whether the admission was closed.
    pub closed: bool,
    /// Whether it only observes: counts what it would refuse, and refuses nothing.
    pub observing: bool,
    /// How many hold a slot. More than `max_requests` after that was lowered.
    pub active: u32,
    /// How many wait for a slot; while observing, how many would.
    pub pending: u32,
    /// How many run beyond all limits because it only observes.
    pub uncounted: u32,
    /// How many were admitted in all, where that is counted: not by an admission alone, but by an
    /// inbound pool unless it was [told not to](crate::inbound::Builder::count_admitted).
    pub admitted: Option<u64>,
    /// How many have had to wait since the beginning; while observing, how many would have.
    pub queued: u64,
    /// How many were refused, by the limit that bound.
    pub overflowed: Overflowed,
    /// How many would have been refused, had it not only observed.
    pub would_overflow: u64,
    /// How many left the queue because nobody wanted the answer any more, with or without a slot
    /// granted to them.
    pub cancelled: u64,
    /// How many left the queue because their time was up.
    pub timed_out: u64,
    /// The most that were seen active at once. A peak that is over before it could be noted, which
    /// takes a lock, is missed.
    pub peak_active: u32,
    /// The most that were pending at once.
    pub peak_pending: u32,
    /// How long those that waited, and got a slot, waited.
    pub waits: WaitHistogram,
    /// How long the first in the queue has been waiting.
    pub oldest_waiter: Option<Duration>,
}

/// Refused requests, by the limit that bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Overflowed {
    /// [`Resource::MaxRequests`](super::Resource::MaxRequests).
    pub max_requests: u64,
    /// [`Resource::MaxPendingRequests`](super::Resource::MaxPendingRequests).
    pub max_pending_requests: u64,
    /// [`Resource::Closed`](super::Resource::Closed).
    pub closed: u64,
}

impl Overflowed {
    /// All of them.
    pub const fn total(&self) -> u64 {
        self.max_requests + self.max_pending_requests + self.closed
    }
}

/// Waiting times, in buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct WaitHistogram {
    /// The buckets in rising order.
    pub buckets: Vec<Bucket>,
    /// All waiting times together.
    pub sum: Duration,
}

/// How many waited at most so long, and longer than the bucket before says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Bucket {
    /// The longest wait that counts here; `None` in the last, which takes the rest.
    pub up_to: Option<Duration>,
    /// How many.
    pub count: u64,
}

impl WaitHistogram {
    /// How many waited.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.count).sum()
    }
}
