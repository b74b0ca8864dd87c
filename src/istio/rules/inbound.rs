//! [`InboundRules`]: what limits the requests that this process serves.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::Rules;
use crate::istio::{Explanation, OnFull, Query, RuleSet};
use crate::limits::{Limits, Subscriber};

/// The limits of the service that this process is, as they change. Made by [`Rules::inbound`].
pub struct InboundRules {
    rules: Rules,
    query: Query,
    on_full: OnFull,
    told: Option<Limits>,
    waiting: Arc<Waiting>,
    /// Held for as long as it is to be told.
    _subscriber: Arc<Subscriber>,
}

/// Who waits for a change.
#[derive(Default)]
struct Waiting(Mutex<Option<Waker>>);

impl InboundRules {
    pub(super) fn new(rules: &Rules, query: Query) -> Self {
        let waiting = Arc::new(Waiting::default());
        let subscriber: Arc<Subscriber> = {
            let waiting = Arc::clone(&waiting);
            Arc::new(move || waiting.wake())
        };
        rules.subscribe(Arc::downgrade(&subscriber));
        Self {
            rules: rules.clone(),
            query,
            on_full: OnFull::default(),
            told: None,
            waiting,
            _subscriber: subscriber,
        }
    }

    /// What becomes of a request that finds all slots taken. Default: [`OnFull::Refuse`].
    #[must_use]
    pub fn on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = on_full;
        self
    }

    /// The limits in force now.
    pub fn limits(&self) -> Limits {
        self.limits_of(&self.rules.snapshot().set)
    }

    fn limits_of(&self, rules: &RuleSet) -> Limits {
        rules.settings(&self.query).limits(self.on_full)
    }

    /// What is in force now, and why.
    pub fn explanation(&self) -> Explanation {
        self.rules.explain(&self.query, self.on_full)
    }

    /// What is asked of the rules.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Waits until the limits are others than those that it returned last; the first time it
    /// returns those in force.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a change that it did not return is returned by the
    /// next.
    pub async fn changed(&mut self) -> Limits {
        std::future::poll_fn(|cx| self.poll_changed(cx)).await
    }

    /// [`changed`](Self::changed) for hand-written futures. Only the last waker is kept.
    pub fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<Limits> {
        // First, so that no change falls in between.
        self.waiting.wait(cx.waker());
        let rules = self.rules.snapshot();
        let (revision, limits) = (rules.revision, self.limits_of(&rules.set));
        drop(rules);
        if self.told == Some(limits) {
            return Poll::Pending;
        }
        let before = self.told.replace(limits).unwrap_or_default();
        self.rules
            .note(&self.query.service().host(), before, limits, revision);
        Poll::Ready(limits)
    }
}

impl Waiting {
    fn wait(&self, waker: &Waker) {
        // Foreign code, as the drop of the former is: not under the lock.
        let waker = waker.clone();
        let former = self.lock().replace(waker);
        drop(former);
    }

    fn wake(&self) {
        let waker = self.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for InboundRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundRules")
            .field("query", &self.query)
            .field("on_full", &self.on_full)
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}
