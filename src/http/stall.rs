//! The stall timeout: a response whose reader takes nothing is aborted.
//!
//! A body that nobody polls cannot time itself out: servers stop polling it once their buffer is
//! full, or while HTTP/2 grants no window, and a timer that wakes them changes nothing. So a body
//! that may stall is shared with a sweeper, one task for a pool, which takes it away from its
//! reader: first the body is dropped, then its permit. The sweeper starts with the first such
//! body and ends with the last. Should it not turn up in time (its runtime was shut down, or is
//! not driven), the next who is watched, waits or is refused starts another.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime;
use tokio::time::{self, Instant};

/// The responses of one pool that may stall.
#[derive(Debug)]
pub(crate) struct Stalls {
    timeout: Duration,
    watched: Mutex<Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    bodies: HashMap<u64, Weak<dyn Stall>>,
    next: u64,
    /// When the sweeper was last at work; `None` if there is none.
    swept: Option<Instant>,
    /// Which sweeper is in charge. One that was given up ends when it finds another is.
    sweeper: u64,
}

/// A body that the sweeper can take away.
trait Stall: Send + Sync + fmt::Debug {
    /// Aborts it if its reader has taken nothing since `before`.
    fn abort_if_stalled(&self, before: Instant);
}

/// A body (and whatever it holds) in the hands of both its reader and the sweeper. Dropping it
/// drops the body.
#[derive(Debug)]
pub(crate) struct Shared<T: Send + 'static> {
    slot: Arc<Slot<T>>,
    stalls: Arc<Stalls>,
    id: u64,
}

struct Slot<T>(Mutex<State<T>>);

struct State<T> {
    /// `None` while it is polled, and once it has ended or was aborted.
    inner: Option<Pin<Box<T>>>,
    aborted: bool,
    /// Since when it is the reader's turn; `None` while it is the body's.
    readers_turn: Option<Instant>,
}

impl Stalls {
    pub(crate) fn new(timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            timeout,
            watched: Mutex::default(),
        })
    }

    /// Watches a body. Outside a Tokio runtime there is nothing to time it with, and it is not
    /// watched but handed back.
    pub(crate) fn watch<T: Send + 'static>(self: &Arc<Self>, inner: T) -> Result<Shared<T>, T> {
        if runtime::Handle::try_current().is_err() {
            return Err(inner);
        }
        let slot = Arc::new(Slot(Mutex::new(State {
            inner: Some(Box::pin(inner)),
            aborted: false,
            readers_turn: Some(Instant::now()),
        })));
        let weak: Weak<Slot<T>> = Arc::downgrade(&slot);
        let mut watched = self.lock();
        let id = watched.next;
        watched.next += 1;
        watched.bodies.insert(id, weak);
        self.ensure_sweeper(watched);
        Ok(Shared {
            slot,
            stalls: self.clone(),
            id,
        })
    }

    /// Sees to it that somebody sweeps, if there is something to sweep: called where slots have
    /// become scarce.
    pub(crate) fn tend(self: &Arc<Self>) {
        // Whoever holds the lock does as much.
        if let Ok(watched) = self.watched.try_lock() {
            if !watched.bodies.is_empty() {
                self.ensure_sweeper(watched);
            }
        }
    }

    fn ensure_sweeper(self: &Arc<Self>, mut watched: MutexGuard<'_, Watched>) {
        let now = Instant::now();
        let missed = |swept: Instant| now.saturating_duration_since(swept) > self.timeout;
        if !watched.swept.is_none_or(missed) {
            return;
        }
        let Ok(runtime) = runtime::Handle::try_current() else {
            return;
        };
        watched.swept = Some(now);
        watched.sweeper += 1;
        let sweeper = watched.sweeper;
        drop(watched);
        runtime.spawn(self.clone().sweep(sweeper));
    }

    async fn sweep(self: Arc<Self>, sweeper: u64) {
        // Often enough that an abort comes at most a quarter late.
        let pause = (self.timeout / 4).max(Duration::from_millis(1));
        loop {
            time::sleep(pause).await;
            let now = Instant::now();
            let bodies: Vec<_> = {
                let mut watched = self.lock();
                if watched.sweeper != sweeper {
                    return;
                }
                if watched.bodies.is_empty() {
                    watched.swept = None;
                    return;
                }
                watched.swept = Some(now);
                watched.bodies.values().filter_map(Weak::upgrade).collect()
            };
            if let Some(before) = now.checked_sub(self.timeout) {
                for body in bodies {
                    body.abort_if_stalled(before);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> Shared<T> {
    /// Runs `poll` on the body, unless it has ended (`None`) or was aborted (`Some(Err)`).
    ///
    /// `poll` says whose turn it is then, and runs without a lock: what a body does, when it is
    /// polled or dropped, is its own affair.
    pub(crate) fn with<R>(
        &self,
        poll: impl FnOnce(Pin<&mut T>) -> (R, Turn),
    ) -> Option<Result<R, Stalled>> {
        let mut inner = {
            let mut state = self.slot.lock();
            if state.aborted {
                return Some(Err(Stalled {
                    after: self.stalls.timeout,
                }));
            }
            state.inner.take()?
        };
        let (result, turn) = poll(inner.as_mut());
        if let Turn::Over = turn {
            drop(inner);
        } else {
            let mut state = self.slot.lock();
            state.inner = Some(inner);
            state.readers_turn = matches!(turn, Turn::Reader).then(Instant::now);
        }
        Some(Ok(result))
    }

    /// Looks at the body; `None` if it has ended or was aborted.
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.slot.lock().inner.as_deref().map(look)
    }

    /// Whether the body was taken away from a reader who took nothing.
    pub(crate) fn is_aborted(&self) -> bool {
        self.slot.lock().aborted
    }
}

/// Who has to act next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn {
    /// A frame was handed out, and the reader is to come back.
    Reader,
    /// The body has nothing yet.
    Body,
    /// There will be nothing more.
    Over,
}

impl<T: Send + 'static> Drop for Shared<T> {
    fn drop(&mut self) {
        self.stalls.lock().bodies.remove(&self.id);
        // The sweeper may be holding on to the slot for a moment; the body is not to wait for it.
        let inner = self.slot.lock().inner.take();
        drop(inner);
    }
}

impl<T> Slot<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> Stall for Slot<T> {
    fn abort_if_stalled(&self, before: Instant) {
        let mut state = self.lock();
        if state.readers_turn.is_none_or(|since| since > before) {
            return;
        }
        let Some(inner) = state.inner.take() else {
            return;
        };
        state.aborted = true;
        drop(state);
        // A body that panics when it is dropped is not to end the sweep. The permit that comes
        // after it is given back all the same.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(inner))) {
            std::mem::forget(panic);
        }
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Slot")
            .field("in_hand", &state.inner.is_some())
            .field("aborted", &state.aborted)
            .field("readers_turn", &state.readers_turn)
            .finish()
    }
}

/// The reader of a response took nothing for too long, and the response was aborted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stalled {
    after: Duration,
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "response body was not read for {:?}", self.after)
    }
}

impl std::error::Error for Stalled {}
