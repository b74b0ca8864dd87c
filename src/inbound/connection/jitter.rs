//! [`Jitter`]: spreads a limit, so that connections opened together do not all close together.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

/// The largest share that is taken off. A connection that lives for next to no time would be closed
/// before it is of any use, in the face of its first request.
const MOST: f64 = 0.9;

/// Which share of a limit may be taken off it, at random, once for each connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Jitter {
    share: f64,
}

/// What one connection's limits are shortened by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cut(f64);

impl Jitter {
    /// # Panics
    ///
    /// If `share` is not within 0 and 1.
    pub(crate) fn new(share: f64) -> Self {
        assert!(
            (0.0..=1.0).contains(&share),
            "a jitter must be within 0 and 1"
        );
        Self {
            share: share.min(MOST),
        }
    }

    pub(super) fn draw(self) -> Cut {
        if self.share == 0.0 {
            return Cut(0.0);
        }
        // Each `RandomState` has keys of its own: as random as this needs to be.
        let random = RandomState::new().hash_one(());
        Cut(self.share * (f64::from((random >> 32) as u32) / f64::from(u32::MAX)))
    }
}

impl Cut {
    /// Never below 1, and never above `requests`.
    pub(super) fn requests(self, requests: u32) -> u32 {
        let cut = (f64::from(requests) * self.0) as u32;
        (requests - cut).max(1)
    }

    pub(super) fn duration(self, duration: Duration) -> Duration {
        if self.0 == 0.0 {
            return duration;
        }
        let shortened = duration.as_secs_f64() * (1.0 - self.0);
        // The longest of all durations is rounded up to what is none any more.
        Duration::try_from_secs_f64(shortened).unwrap_or(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_only_shortens_and_leaves_one_request() {
        let jitter = Jitter::new(0.5);
        let cuts: Vec<Cut> = (0..1000).map(|_| jitter.draw()).collect();
        let requests: Vec<u32> = cuts.iter().map(|cut| cut.requests(100)).collect();
        assert!(requests.iter().all(|n| (50..=100).contains(n)));
        assert!(requests.iter().any(|n| *n != requests[0]), "it varies");
        assert!(cuts.iter().all(|cut| cut.requests(1) == 1));
    }

    #[test]
    fn a_tenth_is_left_whatever_the_jitter() {
        let jitter = Jitter::new(1.0);
        for cut in (0..1000).map(|_| jitter.draw()).chain([Cut(MOST)]) {
            assert!((10..=100).contains(&cut.requests(100)));
            let left = cut.duration(Duration::from_secs(100));
            // To the nanosecond: a share of it is no whole number.
            assert!(left.as_secs_f64() > 9.999_999_999, "{left:?}");
        }
    }

    #[test]
    fn without_jitter_limits_are_exact() {
        let cut = Jitter::default().draw();
        assert_eq!(cut.requests(u32::MAX), u32::MAX);
        assert_eq!(cut.duration(Duration::MAX), Duration::MAX);
        assert_eq!(Cut(1e-20).duration(Duration::MAX), Duration::MAX);
    }
}
