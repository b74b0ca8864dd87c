//! The thread that follows a file.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::mailbox::Sender;
use super::observe::Observed;
use super::places::Places;
use super::signal::{Signal, Wake};
use super::{Change, Timing};
use crate::istio::file::RuleFile;

/// How often a file that keeps changing is read again before the next event is waited for.
const MOST_READS: usize = 20;

/// The shortest time between two looks, for a file in a busy directory.
const SHORTEST: Duration = Duration::from_millis(10);

/// Follows a file until told to stop.
pub(super) fn follow(file: &RuleFile, timing: Timing, to: &Sender, signal: &Arc<Signal>) {
    let mut places = Places::new(signal);
    let mut known: Option<Observed> = None;
    let mut moved = false;
    loop {
        // Watch first and look then, so that nothing happens unseen in between.
        places.refresh(file.path(), moved);
        moved = false;
        let settled = settle(file.path(), known.as_ref(), timing.debounce, signal);
        to.looked();
        let longest = match settled {
            Settled::New(observed) => {
                to.tell(change(file, &observed));
                known = Some(observed);
                // The links may lead elsewhere now: look again.
                continue;
            }
            Settled::Same => timing.poll_interval,
            Settled::Restless => timing.debounce.max(SHORTEST),
            Settled::Stopped => return,
        };
        if !signal.pause(SHORTEST.min(longest)) {
            return;
        }
        match signal.wait(longest) {
            Wake::Stop => return,
            Wake::Look { moved: now } => moved = now,
        }
    }
}

enum Settled {
    New(Observed),
    Same,
    /// It changes at each look.
    Restless,
    Stopped,
}

/// Reads until two reads in a row agree, the debounce apart. The very first time they follow each
/// other at once: a service is not to start with limits missing because of a debounce.
fn settle(path: &Path, known: Option<&Observed>, debounce: Duration, signal: &Signal) -> Settled {
    let mut last = Observed::of(path);
    if known == Some(&last) {
        return Settled::Same;
    }
    for read in 0..MOST_READS {
        let at_once = known.is_none() && read == 0;
        if !at_once && !signal.pause(debounce) {
            return Settled::Stopped;
        }
        let next = Observed::of(path);
        if next == last {
            return if known == Some(&next) {
                Settled::Same
            } else {
                Settled::New(next)
            };
        }
        last = next;
    }
    Settled::Restless
}

fn change(file: &RuleFile, observed: &Observed) -> Change {
    let read = match observed {
        Observed::Missing => return Change::Removed,
        // Whatever is in a file, the thread that follows it goes on.
        Observed::Content(bytes) => catch_unwind(AssertUnwindSafe(|| file.parse(bytes)))
            .unwrap_or_else(|_| Err(file.unreadable(&io::Error::other("its reader panicked")))),
        Observed::Unreadable(error) => Err(file.unreadable(error)),
    };
    match read {
        Ok(rule) => Change::Applied(rule),
        Err(rejected) => {
            #[cfg(feature = "tracing")]
            tracing::warn!(
                target: "meshpool",
                file = %file.path().display(),
                problems = %rejected,
                "rule file rejected, the limits in force stay"
            );
            Change::Rejected(rejected)
        }
    }
}
