//! The stall timeout: a response whose reader takes nothing is aborted.
//!
//! A body that nobody polls cannot time itself out: servers stop polling it once their buffer is
//! full, or while HTTP/2 grants no window, and a timer that wakes them changes nothing. So a body
//! that may stall is shared with a sweeper, one task for a pool, which takes it away from its
//! reader: first the body is dropped, then its permit. The sweeper starts with the first such
//! body and ends with the last.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
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
    /// Whether a sweeper is at work.
    sweeping: bool,
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
    /// `None` once it has ended or was aborted.
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
        let Ok(runtime) = runtime::Handle::try_current() else {
            return Err(inner);
        };
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
        let start = !std::mem::replace(&mut watched.sweeping, true);
        drop(watched);
        if start {
            let stalls = self.clone();
            let sweeper = Sweeper {
                stalls,
                done: false,
            };
            runtime.spawn(sweeper.sweep());
        }
        Ok(Shared {
            slot,
            stalls: self.clone(),
            id,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task's own guard: should its runtime go away, the next body starts another.
struct Sweeper {
    stalls: Arc<Stalls>,
    /// It has signed off itself; another may be at work already.
    done: bool,
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        if !self.done {
            self.stalls.lock().sweeping = false;
        }
    }
}

impl Sweeper {
    async fn sweep(mut self) {
        let stalls = self.stalls.clone();
        // Often enough that an abort comes at most a quarter late.
        let pause = (stalls.timeout / 4).max(Duration::from_millis(1));
        loop {
            time::sleep(pause).await;
            let bodies: Vec<_> = {
                let mut watched = stalls.lock();
                if watched.bodies.is_empty() {
                    // Under the lock, so that the next body sees it and starts another.
                    watched.sweeping = false;
                    break;
                }
                watched.bodies.values().filter_map(Weak::upgrade).collect()
            };
            let Some(before) = Instant::now().checked_sub(stalls.timeout) else {
                continue;
            };
            for body in bodies {
                body.abort_if_stalled(before);
            }
        }
        self.done = true;
    }
}

impl<T: Send + 'static> Shared<T> {
    /// Runs `poll` on the body, unless it has ended (`None`) or was aborted (`Some(Err)`).
    ///
    /// `poll` says whether it is the reader's turn now, and whether the body has ended, and is
    /// to be dropped.
    pub(crate) fn with<R>(
        &self,
        poll: impl FnOnce(Pin<&mut T>) -> (R, Turn),
    ) -> Option<Result<R, Stalled>> {
        let mut state = self.slot.lock();
        if state.aborted {
            return Some(Err(Stalled {
                after: self.stalls.timeout,
            }));
        }
        let (result, turn) = poll(state.inner.as_mut()?.as_mut());
        let mut ended = None;
        match turn {
            Turn::Reader => state.readers_turn = Some(Instant::now()),
            Turn::Body => state.readers_turn = None,
            Turn::Over => ended = state.inner.take(),
        }
        drop(state);
        drop(ended);
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
        let mut state = match self.0.try_lock() {
            Ok(state) => state,
            // A body that panicked ends with its connection.
            Err(TryLockError::Poisoned(_)) => return,
            // It is being polled: no stall.
            Err(TryLockError::WouldBlock) => return,
        };
        if state.readers_turn.is_none_or(|since| since > before) {
            return;
        }
        let Some(inner) = state.inner.take() else {
            return;
        };
        state.aborted = true;
        drop(state);
        drop(inner);
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Slot")
            .field("ended", &state.inner.is_none())
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
