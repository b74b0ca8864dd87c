//! What is counted, and what [`Stats`] says of it.
//!
//! Nothing is counted when a request is admitted at once: one more addition there costs a third
//! of the whole admission. Everything else happens on a slow path, and is counted on it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::overflow::Resource;

/// The upper bounds of the waiting-time buckets; one more bucket takes the rest.
const BOUNDS: [Duration; 10] = [
    Duration::from_micros(100),
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

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
    /// [`Resource::MaxRequests`].
    pub max_requests: u64,
    /// [`Resource::MaxPendingRequests`].
    pub max_pending_requests: u64,
    /// [`Resource::Closed`].
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

/// The counters behind [`Stats`]. All relaxed: no decision depends on them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    queued: AtomicU64,
    overflowed_requests: AtomicU64,
    overflowed_pending: AtomicU64,
    overflowed_closed: AtomicU64,
    would_overflow: AtomicU64,
    cancelled: AtomicU64,
    timed_out: AtomicU64,
    peak_active: AtomicU32,
    peak_pending: AtomicU32,
    waits: [AtomicU64; BOUNDS.len() + 1],
    waited_nanos: AtomicU64,
}

impl Counters {
    /// Under the lock.
    pub(super) fn queued(&self, pending: u32) {
        self.queued.store(self.queued.load(Relaxed) + 1, Relaxed);
        if pending > self.peak_pending.load(Relaxed) {
            self.peak_pending.store(pending, Relaxed);
        }
    }

    pub(super) fn overflowed(&self, resource: Resource) {
        let counter = match resource {
            Resource::MaxRequests => &self.overflowed_requests,
            Resource::MaxPendingRequests => &self.overflowed_pending,
            Resource::Closed => &self.overflowed_closed,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn would_overflow(&self) {
        self.would_overflow.fetch_add(1, Relaxed);
    }

    pub(super) fn cancelled(&self) {
        self.cancelled.fetch_add(1, Relaxed);
    }

    pub(super) fn timed_out(&self) {
        self.timed_out.fetch_add(1, Relaxed);
    }

    pub(super) fn waited(&self, time: Duration) {
        let bucket = BOUNDS.partition_point(|bound| *bound < time);
        self.waits[bucket].fetch_add(1, Relaxed);
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.waited_nanos.fetch_add(nanos, Relaxed);
    }

    pub(super) fn active(&self, active: u32) {
        self.peak_active.fetch_max(active, Relaxed);
    }

    /// Adds the counters to a snapshot of the rest.
    pub(super) fn fill(&self, stats: &mut Stats) {
        stats.queued = self.queued.load(Relaxed);
        stats.overflowed = Overflowed {
            max_requests: self.overflowed_requests.load(Relaxed),
            max_pending_requests: self.overflowed_pending.load(Relaxed),
            closed: self.overflowed_closed.load(Relaxed),
        };
        stats.would_overflow = self.would_overflow.load(Relaxed);
        stats.cancelled = self.cancelled.load(Relaxed);
        stats.timed_out = self.timed_out.load(Relaxed);
        stats.peak_active = self.peak_active.load(Relaxed);
        stats.peak_pending = self.peak_pending.load(Relaxed);
        let bounds = BOUNDS.iter().copied().map(Some).chain([None]);
        stats.waits = WaitHistogram {
            buckets: bounds
                .zip(&self.waits)
                .map(|(up_to, count)| Bucket {
                    up_to,
                    count: count.load(Relaxed),
                })
                .collect(),
            sum: Duration::from_nanos(self.waited_nanos.load(Relaxed)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{Counters, Duration};

    #[test]
    fn a_wait_falls_into_the_bucket_that_bounds_it() {
        let counters = Counters::default();
        for micros in [1, 100, 101, 60_000_000] {
            counters.waited(Duration::from_micros(micros));
        }
        let counts: Vec<_> = counters
            .waits
            .iter()
            .map(|count| count.load(super::Relaxed))
            .collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
