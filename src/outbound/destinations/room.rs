//! [`Room`]: a cap on the connections of all destinations together.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::turns::Turns;
use crate::outbound::destination::ConnectionKey;
use crate::outbound::pool::Pool;

/// Counts connections, keeps those waiting that are one too many, and knows which destinations may
/// have one to spare: nothing looks at all of either.
///
/// Its lock may be taken under a pool's, and never the other way round.
pub(super) struct Room<B: Send + 'static> {
    max: usize,
    state: Mutex<State<B>>,
    /// Whether more wait than connections close for their sake; to be looked at without the lock.
    is_short: AtomicBool,
    /// Whether somebody hands room on.
    is_given: AtomicBool,
}

struct State<B: Send + 'static> {
    used: usize,
    /// Of those, how many are gone, and their room is to be handed on.
    freed: usize,
    /// Connections that close to make room.
    promised: usize,
    waiting: Turns<(Address, ConnectionKey), Waiting<B>>,
    /// Destinations that have had an unused connection since they were last asked for one.
    spare: Turns<Address, Arc<Pool<B>>>,
}

/// Whose connection waits, and which.
pub(super) type Waiting<B> = (Arc<Pool<B>>, ConnectionKey);

/// Held by whoever hands room on.
pub(super) struct Giving<'a>(&'a AtomicBool);

impl Drop for Giving<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Of a pool: its own as long as somebody has the pool.
type Address = usize;

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
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            state: Mutex::new(State {
                used: 0,
                freed: 0,
                promised: 0,
                waiting: Turns::new(),
                spare: Turns::new(),
            }),
            is_short: AtomicBool::new(false),
            is_given: AtomicBool::new(false),
        }
    }

    pub(super) fn claim(&self, pool: &Arc<Pool<B>>, key: ConnectionKey) -> Claim {
        let mut state = self.lock();
        if state.used < self.max {
            state.used += 1;
            return Claim::Granted;
        }
        let claimant = (pool.clone(), key);
        state.waiting.push((address(pool), key), claimant);
        self.note(&state);
        Claim::Queued
    }

    /// Room has become free, and is to be handed on.
    pub(super) fn free(&self, was_promised: bool) {
        let mut state = self.lock();
        state.promised -= usize::from(was_promised);
        state.freed += 1;
        self.note(&state);
    }

    /// Whether there is room to hand on, and nobody who does; until what is returned is dropped.
    pub(super) fn start_giving(&self) -> Option<Giving<'_>> {
        let has_some = self.lock().freed > 0;
        (has_some && !self.is_given.swap(true, Ordering::AcqRel)).then(|| Giving(&self.is_given))
    }

    /// Whose turn it is, if there is room to hand on. If nobody waits, it is for those that come.
    pub(super) fn next_to_begin(&self) -> Option<Waiting<B>> {
        let mut state = self.lock();
        let freed = std::mem::take(&mut state.freed);
        let next = match freed {
            0 => None,
            _ => state.waiting.pop(),
        };
        match next {
            Some(_) => state.freed = freed - 1,
            None => state.used -= freed,
        }
        self.note(&state);
        next
    }

    pub(super) fn forget(&self, pool: &Arc<Pool<B>>, key: ConnectionKey) {
        let mut state = self.lock();
        let forgotten = state.waiting.remove(&(address(pool), key));
        self.note(&state);
        drop(state);
        drop(forgotten);
    }

    pub(super) fn promise(&self) {
        let mut state = self.lock();
        state.promised += 1;
        self.note(&state);
    }

    /// A destination has an unused connection. Whether somebody wants its room.
    pub(super) fn offer(&self, pool: &Arc<Pool<B>>) -> bool {
        let mut state = self.lock();
        state.spare.push(address(pool), pool.clone());
        self.is_short()
    }

    /// A destination has no connection at all any more.
    pub(super) fn withdraw(&self, pool: &Arc<Pool<B>>) {
        let withdrawn = self.lock().spare.remove(&address(pool));
        drop(withdrawn);
    }

    /// Whom to ask for a connection, as long as somebody wants its room. It has no offer then.
    pub(super) fn next_offer(&self) -> Option<Arc<Pool<B>>> {
        let mut state = self.lock();
        match self.is_short() {
            true => state.spare.pop(),
            false => None,
        }
    }

    /// Whether more wait than connections close for their sake.
    pub(super) fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Acquire)
    }

    fn note(&self, state: &State<B>) {
        let is_short = state.waiting.len() > state.promised + state.freed;
        self.is_short.store(is_short, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn address<B: Send + 'static>(pool: &Arc<Pool<B>>) -> Address {
    Arc::as_ptr(pool).addr()
}
