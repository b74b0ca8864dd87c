//! [`RetrySlot`]: a retry's hold on the limit for retries.

use std::fmt;
use std::sync::Arc;

use super::Pool;

/// One of the retries that may be under way at once, until it is dropped.
pub(crate) struct RetrySlot(Arc<dyn Lender>);

/// As many retries are under way as may be.
#[derive(Debug)]
pub(crate) struct RetriesExhausted;

/// A pool as a retry sees it, whatever the type of its body.
trait Lender: Send + Sync {
    fn retry_ended(&self);
}

impl<B: Send + 'static> Pool<B> {
    /// Takes a slot for a retry; counted either way. `None` if this pool was evicted: look for
    /// another.
    ///
    /// Who counts besides may be active here nevertheless, until its connection has done with it.
    pub(crate) fn retry(
        self: Arc<Self>,
        besides: u32,
    ) -> Option<Result<RetrySlot, RetriesExhausted>> {
        let mut state = self.lock();
        if state.is_evicted {
            return None;
        }
        let besides = besides.saturating_sub(state.finishing);
        let allowed = state.machine.retry(besides);
        drop(state);
        Some(match allowed {
            true => Ok(RetrySlot(self)),
            false => Err(RetriesExhausted),
        })
    }
}

impl<B: Send + 'static> Lender for Pool<B> {
    fn retry_ended(&self) {
        let is_empty = {
            let mut state = self.lock();
            state.machine.retry_ended();
            state.machine.is_empty()
        };
        if is_empty {
            self.all.one_is_empty();
        }
    }
}

impl Drop for RetrySlot {
    fn drop(&mut self) {
        self.0.retry_ended();
    }
}

impl fmt::Debug for RetrySlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetrySlot").finish_non_exhaustive()
    }
}
