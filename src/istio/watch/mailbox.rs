//! What the following thread tells, and what is known of the file.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::{Change, RuleStats};
use crate::istio::file::{Rejected, Rule};
use crate::limits::Limits;

#[derive(Debug, Default)]
pub(super) struct Mailbox {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What was not fetched yet: at most one that sets limits, and after it one rejection.
    unfetched: VecDeque<Change>,
    waker: Option<Waker>,
    stats: RuleStats,
    rule: Option<Rule>,
    rejected: Option<Rejected>,
    /// Whether anything was told before.
    started: bool,
    /// Whether the thread has ended.
    ended: bool,
}

/// Limits that became others.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) from: Limits,
    pub(super) to: Limits,
    pub(super) revision: u64,
}

/// The thread's end of the mailbox. Its drop tells that the thread has ended, however it did.
#[derive(Debug)]
pub(super) struct Sender(Arc<Mailbox>);

impl Sender {
    pub(super) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self(mailbox)
    }

    /// Returns what else the limits are by it, if they are.
    pub(super) fn tell(&self, change: Change) -> Option<Changed> {
        self.0.tell(change)
    }

    /// Counts a look at the file that was finished.
    pub(super) fn looked(&self) {
        self.0.lock().stats.looks += 1;
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.lock().ended = true;
    }
}

impl Mailbox {
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Change> {
        // Cloning one is foreign code, too.
        let waker = cx.waker().clone();
        let mut state = self.lock();
        if let Some(change) = state.unfetched.pop_front() {
            return Poll::Ready(change);
        }
        // Whoever waited before waits no longer. Its waker is dropped after the lock.
        let former = state.waker.replace(waker);
        drop(state);
        drop(former);
        Poll::Pending
    }

    /// Files a change, and wakes who waits for one.
    fn tell(&self, change: Change) -> Option<Changed> {
        let mut state = self.lock();
        let changed = state.count(&change);
        match change {
            Change::Applied(_) | Change::Removed => state.unfetched.clear(),
            Change::Rejected(_) => {
                state
                    .unfetched
                    .retain(|change| !matches!(change, Change::Rejected(_)));
            }
        }
        state.unfetched.push_back(change);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        changed
    }

    pub(super) fn is_ended(&self) -> bool {
        self.lock().ended
    }

    pub(super) fn stats(&self) -> RuleStats {
        self.lock().stats
    }

    pub(super) fn rule(&self) -> Option<Rule> {
        self.lock().rule.clone()
    }

    pub(super) fn rejected(&self) -> Option<Rejected> {
        self.lock().rejected.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change of the state is complete or not begun.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&mut self, change: &Change) -> Option<Changed> {
        let from = self.limits();
        let stats = &mut self.stats;
        match change {
            Change::Applied(rule) => {
                stats.updates += 1;
                stats.revision += 1;
                self.rule = Some(rule.clone());
                self.rejected = None;
            }
            Change::Removed => {
                if self.started {
                    stats.removals += 1;
                    stats.revision += 1;
                }
                self.rule = None;
                self.rejected = None;
            }
            Change::Rejected(rejected) => {
                stats.rejects += 1;
                self.rejected = Some(rejected.clone());
            }
        }
        self.started = true;
        let to = self.limits();
        if from == to {
            return None;
        }
        self.stats.limit_changes += 1;
        let revision = self.stats.revision;
        Some(Changed { from, to, revision })
    }

    /// Those of the rule in force.
    fn limits(&self) -> Limits {
        self.rule.as_ref().map(Rule::limits).unwrap_or_default()
    }
}
