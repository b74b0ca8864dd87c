//! What is counted.
//!
//! Nothing is counted when a request is admitted at once: one more addition there costs a third
//! of the whole admission. Everything else happens on a slow path, and is counted on it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::admission::overflow::Resource;
use crate::admission::stats::{Bucket, Overflowed, Stats, WaitHistogram};

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
