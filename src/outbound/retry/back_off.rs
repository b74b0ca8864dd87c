//! [`BackOff`]: the time before a retry.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::future::Future;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

pin_project! {
    /// Resolves when it is time for the retry.
    #[must_use = "futures do nothing unless polled"]
    pub struct BackOff {
        #[pin]
        sleep: Sleep,
    }
}

impl BackOff {
    pub(super) fn new(duration: Duration) -> Self {
        Self {
            sleep: sleep(duration),
        }
    }
}

impl Future for BackOff {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().sleep.poll(cx)
    }
}

impl fmt::Debug for BackOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackOff").finish_non_exhaustive()
    }
}

/// How long retries back off: at random, below a bound that doubles from one to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    first: Duration,
    most: Duration,
}

impl Bounds {
    /// Envoy's.
    pub(super) const DEFAULT: Self = Self {
        first: Duration::from_millis(25),
        most: Duration::from_millis(250),
    };

    pub(super) const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most }
    }

    /// For the retry that comes after so many.
    pub(super) fn draw(self, retries: u32) -> Duration {
        // Each `RandomState` has keys of its own: as random as this needs to be.
        let random = RandomState::new().hash_one(());
        let share = f64::from((random >> 32) as u32) / f64::from(u32::MAX);
        part(self.bound(retries), share)
    }

    fn bound(self, retries: u32) -> Duration {
        let factor = 1u32.checked_shl(retries).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.most)
    }
}

/// A share of a time, up to all of it. The longest of all is too long a one once it is rounded.
fn part(of: Duration, share: f64) -> Duration {
    Duration::try_from_secs_f64(of.as_secs_f64() * share).unwrap_or(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_most() {
        let bounds = Bounds::DEFAULT;
        let bounds = [0, 1, 2, 3, 4, 31, 32, u32::MAX].map(|retries| bounds.bound(retries));
        assert_eq!(
            bounds.map(|bound| bound.as_millis()),
            [25, 50, 100, 200, 250, 250, 250, 250]
        );
    }

    #[test]
    fn all_of_the_longest_can_be_drawn() {
        assert_eq!(part(Duration::MAX, 1.0), Duration::MAX);
        assert_eq!(part(Duration::from_secs(4), 0.5), Duration::from_secs(2));
    }

    #[test]
    fn what_is_drawn_differs_and_is_within_the_bound() {
        let drawn: Vec<_> = (0..100).map(|_| Bounds::DEFAULT.draw(1)).collect();
        assert!(drawn.iter().all(|it| *it <= Duration::from_millis(50)));
        assert!(drawn.iter().any(|it| *it != drawn[0]));
    }
}
