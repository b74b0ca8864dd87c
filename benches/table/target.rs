//! [`Target`]: what a ratio is to be.

use std::fmt;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// Our time by theirs.
    TimeAtMost(f64),
    /// Their time by ours.
    ThroughputAtLeast(f64),
}

impl Target {
    pub(crate) fn ratio(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Self::TimeAtMost(_) => ours / theirs,
            Self::ThroughputAtLeast(_) => theirs / ours,
        }
    }

    pub(crate) fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::TimeAtMost(most) => ratio <= most,
            Self::ThroughputAtLeast(least) => ratio >= least,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeAtMost(most) => write!(f, "≤ {most:.2}"),
            Self::ThroughputAtLeast(least) => write!(f, "≥ {least:.2}"),
        }
    }
}

/// How a table says it.
pub(crate) const fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "**missed**" }
}
