//! [`Clock`]: what is measured, time or the client's processor time.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use rustix::time::{ClockId, clock_gettime};

pub(crate) trait Clock: Measurement<Value = Duration> + 'static {
    /// What the names of its groups end with.
    const SUFFIX: &str;

    /// The time since some moment.
    fn now() -> Duration;
}

impl Clock for WallTime {
    const SUFFIX: &str = "";

    fn now() -> Duration {
        static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
        EPOCH.elapsed()
    }
}

/// How long this thread has run.
pub(crate) struct ProcessorTime;

impl Clock for ProcessorTime {
    const SUFFIX: &str = "_cpu";

    fn now() -> Duration {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::try_from(now).expect("it is not negative")
    }
}

impl Measurement for ProcessorTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, started: Duration) -> Duration {
        Self::now() - started
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}
