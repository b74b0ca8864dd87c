//! The thread that follows files.

use std::sync::Arc;
use std::time::Duration;

use super::Timing;
use super::listing::Paths;
use super::look::{Changes, Known, Look};
use super::places::Places;
use super::signal::{Signal, Wake};

/// How often files that keep changing are read again before the next event is waited for.
const MOST_READS: usize = 20;

/// The shortest time between two looks, for files in a busy directory.
const SHORTEST: Duration = Duration::from_millis(10);

/// Who is told what the files hold.
pub(super) trait Sink {
    /// All that has changed, at once; the first time all that there is, and may be nothing.
    fn changed(&mut self, changes: Changes);

    /// A look at the files was finished.
    fn looked(&mut self);
}

/// Follows files until told to stop.
pub(super) fn follow(mut paths: Paths, timing: Timing, sink: &mut impl Sink, signal: &Arc<Signal>) {
    let mut places = Places::new(signal);
    let mut known = Known::default();
    let mut moved = false;
    loop {
        // Watch first and look then, so that nothing happens unseen in between.
        places.refresh(&paths.list(), moved);
        moved = false;
        let settled = settle(&mut paths, &known, timing.debounce, signal);
        sink.looked();
        let longest = match settled {
            Settled::New(look) => {
                sink.changed(known.take(look));
                // The links may lead elsewhere now: look again.
                continue;
            }
            Settled::Same(look) => {
                known.take(look);
                timing.poll_interval
            }
            Settled::Restless(look) => {
                if !look.is_same() {
                    sink.changed(known.take(look));
                }
                timing.debounce.max(SHORTEST)
            }
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
    New(Look),
    Same(Look),
    /// Something changes at each look. What does not is in this one.
    Restless(Look),
    Stopped,
}

/// Looks until two looks in a row agree, the debounce apart. The very first time they follow each
/// other at once: a service is not to start with limits missing because of a debounce.
fn settle(paths: &mut Paths, known: &Known, debounce: Duration, signal: &Signal) -> Settled {
    let mut last = known.look(paths);
    if last.is_same() {
        return Settled::Same(last);
    }
    let mut at_once = !known.is_started();
    for _ in 1..MOST_READS {
        if !at_once && !signal.pause(debounce) {
            return Settled::Stopped;
        }
        at_once = false;
        let next = known.look(paths);
        if next.is_same() {
            return Settled::Same(next);
        }
        if next.agrees(&last) {
            return Settled::New(next);
        }
        last = next;
    }
    let next = known.look(paths);
    Settled::Restless(next.settled(&last, known))
}
