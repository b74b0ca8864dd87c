//! [`OncePerSecond`]: lets something through at most once a second, and counts the rest.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long it keeps quiet after it let something through.
const QUIET: Duration = Duration::from_secs(1);

/// Under a flood of refusals it costs each a load and an addition.
#[derive(Debug)]
pub(super) struct OncePerSecond {
    born: Instant,
    /// From when on the next is let through, in nanoseconds since `born`.
    next: AtomicU64,
    suppressed: AtomicU64,
}

impl OncePerSecond {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            born: now,
            next: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
        }
    }

    /// Whether one that happens now is let through; then with the number of those before it that
    /// were not.
    pub(super) fn admit(&self, now: Instant) -> Option<u64> {
        let nanos = now.saturating_duration_since(self.born).as_nanos() as u64;
        let next = self.next.load(Relaxed);
        // Of several at the same instant the exchange lets one through.
        let is_due = nanos >= next
            && self
                .next
                .compare_exchange(next, nanos + QUIET.as_nanos() as u64, Relaxed, Relaxed)
                .is_ok();
        if is_due {
            Some(self.suppressed.swap(0, Relaxed))
        } else {
            self.suppressed.fetch_add(1, Relaxed);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_is_let_through_and_tells_how_many_were_not() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let limit = OncePerSecond::new(start);
        assert_eq!(limit.admit(at(0)), Some(0));
        assert_eq!(limit.admit(at(1)), None);
        assert_eq!(limit.admit(at(999)), None);
        assert_eq!(limit.admit(at(1000)), Some(2));
        assert_eq!(limit.admit(at(1000)), None);
        assert_eq!(limit.admit(at(5000)), Some(1));
        assert_eq!(limit.admit(at(6000)), Some(0));
    }

    #[test]
    fn threads_at_the_same_instant_let_one_through_and_lose_none() {
        let now = Instant::now();
        let limit = OncePerSecond::new(now);
        // What each thread was let through with.
        let told: Vec<u64> = std::thread::scope(|scope| {
            let admit = || (0..100).filter_map(|_| limit.admit(now)).collect();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(admit)).collect();
            threads
                .into_iter()
                .flat_map(|thread| -> Vec<u64> { thread.join().unwrap() })
                .collect()
        });
        assert_eq!(told.len(), 1);
        let later = limit.admit(now + QUIET).unwrap();
        // The one may have told of some that came before it.
        assert_eq!(told[0] + later, 399);
    }
}
