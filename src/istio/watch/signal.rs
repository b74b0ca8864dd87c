//! What wakes the following thread: something was touched, or it is to stop.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Signal {
    flags: Mutex<Flags>,
    raised: Condvar,
}

#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    stop: bool,
    touched: bool,
    /// Something was removed or renamed: a watched directory may be another one by now.
    moved: bool,
}

/// Why the thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    Stop,
    Look { moved: bool },
}

impl Signal {
    pub(super) fn stop(&self) {
        self.lock().stop = true;
        self.raised.notify_all();
    }

    pub(super) fn touch(&self, moved: bool) {
        let mut flags = self.lock();
        flags.touched = true;
        flags.moved |= moved;
        drop(flags);
        self.raised.notify_all();
    }

    /// Waits until something was touched, at most for `longest`.
    pub(super) fn wait(&self, longest: Duration) -> Wake {
        let mut flags = self.wait_until(longest, |flags| flags.stop || flags.touched);
        if flags.stop {
            return Wake::Stop;
        }
        let moved = flags.moved;
        *flags = Flags::default();
        Wake::Look { moved }
    }

    /// Waits for the whole `time`, whatever is touched. Returns whether to go on.
    pub(super) fn pause(&self, time: Duration) -> bool {
        !self.wait_until(time, |flags| flags.stop).stop
    }

    fn wait_until(
        &self,
        longest: Duration,
        raised: impl Fn(&Flags) -> bool,
    ) -> MutexGuard<'_, Flags> {
        self.raised
            .wait_timeout_while(self.lock(), longest, |flags| !raised(flags))
            .map_or_else(|poisoned| poisoned.into_inner().0, |(flags, _)| flags)
    }

    fn lock(&self) -> MutexGuard<'_, Flags> {
        // Flags are valid whatever happened.
        self.flags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
