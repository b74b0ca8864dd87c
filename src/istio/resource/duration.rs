//! Durations as Go has them.

use std::fmt;
use std::time::Duration;

/// A duration as Go has it, in which Istio's settings are: nanoseconds, of either sign. Printed, it
/// is as Go prints it: `1m30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(pub(crate) i64);

impl GoDuration {
    /// A duration of so many nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// In nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Without its fraction, as the seconds of a protobuf duration are.
    pub(crate) fn whole_seconds(self) -> i64 {
        self.0 / 1_000_000_000
    }

    pub(crate) const MILLISECOND: Self = Self(1_000_000);

    pub(crate) fn whole_milliseconds(self) -> i64 {
        self.0 / Self::MILLISECOND.0
    }

    /// Whether it has no fraction of a second.
    pub(crate) fn is_whole_seconds(self) -> bool {
        self.0 % 1_000_000_000 == 0
    }

    pub(crate) fn is_whole_milliseconds(self) -> bool {
        self.0 % Self::MILLISECOND.0 == 0
    }

    /// The duration, unless it is negative or, to Istio, zero: without a whole millisecond.
    pub(crate) fn positive(self) -> Option<Duration> {
        let nanos = u64::try_from(self.0).ok()?;
        (self.whole_milliseconds() > 0).then(|| Duration::from_nanos(nanos))
    }
}

/// As Go prints it: `1m30s`, `1.5s`, `-500µs`.
impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if nanos == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        // Below a second Go uses one smaller unit, above it hours, minutes and seconds.
        match Duration::from_nanos(nanos) {
            short if nanos < 1_000_000_000 => write!(f, "{short:?}"),
            long => {
                let (minutes, seconds) = (long.as_secs() / 60, long.as_secs() % 60);
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                write!(f, "{seconds}")?;
                if long.subsec_nanos() > 0 {
                    let fraction = format!("{:09}", long.subsec_nanos());
                    write!(f, ".{}", fraction.trim_end_matches('0'))?;
                }
                f.write_str("s")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_go_prints_them() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (-500_000, "-500µs"),
            (250_000_000, "250ms"),
            (1_500_000_000, "1.5s"),
            (-61_945_000_000, "-1m1.945s"),
            (60_500_000_000, "1m0.5s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (7_205_000_000_000, "2h0m5s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(GoDuration(nanos).to_string(), text);
        }
    }
}
