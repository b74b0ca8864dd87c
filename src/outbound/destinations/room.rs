//! [`Room`]: a cap on the connections of all destinations together.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::outbound::destination::ConnectionKey;
use crate::outbound::pool::Pool;

/// Counts connections, and keeps those waiting, in order, that are one too many.
pub(super) struct Room<B: Send + 'static> {
    max: usize,
    state: Mutex<State<B>>,
    /// Whether more wait than connections close for their sake; to be looked at without the lock.
    is_short: AtomicBool,
}

struct State<B: Send + 'static> {
    used: usize,
    /// Connections that close to make room.
    promised: usize,
    queue: VecDeque<(Arc<Pool<B>>, ConnectionKey)>,
}

/// What has become of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// There is no cap.
    Boundless,
    /// There is room.
    Granted,
    /// There will be; [`Pool::unblock`] says when.
    Queued,
}

impl<B: Send + 'static> Room<B> {
    pub(super) const fn new(max: usize) -> Self {
        Self {
            max,
            state: Mutex::new(State {
                used: 0,
                promised: 0,
                queue: VecDeque::new(),
            }),
            is_short: AtomicBool::new(false),
        }
    }

    pub(super) fn claim(&self, pool: &Arc<Pool<B>>, key: ConnectionKey) -> Claim {
        let mut state = self.lock();
        if state.used < self.max {
            state.used += 1;
            return Claim::Granted;
        }
        state.queue.push_back((pool.clone(), key));
        self.note(&state);
        Claim::Queued
    }

    /// Room has become free. It goes to the one returned.
    pub(super) fn release(&self, was_promised: bool) -> Option<(Arc<Pool<B>>, ConnectionKey)> {
        let mut state = self.lock();
        state.promised -= usize::from(was_promised);
        let next = state.queue.pop_front();
        if next.is_none() {
            state.used -= 1;
        }
        self.note(&state);
        next
    }

    pub(super) fn forget(&self, pool: &Arc<Pool<B>>, key: ConnectionKey) {
        let mut state = self.lock();
        state
            .queue
            .retain(|(other, its)| !(Arc::ptr_eq(other, pool) && *its == key));
        self.note(&state);
    }

    pub(super) fn promise(&self) {
        let mut state = self.lock();
        state.promised += 1;
        self.note(&state);
    }

    /// Whether more wait than connections close for their sake.
    pub(super) fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Acquire)
    }

    fn note(&self, state: &State<B>) {
        let is_short = state.queue.len() > state.promised;
        self.is_short.store(is_short, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
