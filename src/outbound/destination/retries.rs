//! Limits on retries that are under way at the same time.

use super::Machine;

impl Machine {
    /// Whether a request may be retried now. If so, it holds a slot until
    /// [`retry_ended`](Self::retry_ended), to be called once when that attempt has its outcome:
    /// answered, failed, refused or cancelled.
    ///
    /// To be asked while the attempt before is still active, as in Envoy: a
    /// [`retry_budget`](crate::Limits::retry_budget) is a share of what is active and pends. The
    /// retry itself is a new [`request`](Self::request), which needs its place as any other.
    /// If not, the response or error in hand is the answer. Overflow is never retried.
    #[must_use = "a retry that is allowed holds a slot until `retry_ended`"]
    pub fn retry(&mut self) -> bool {
        let allowed = self.max_retries().is_none_or(|max| self.retries < max);
        if allowed {
            self.retries += 1;
            self.counters.rq_retry += 1;
        } else {
            self.counters.rq_retry_overflow += 1;
        }
        allowed
    }

    /// The retry that [`retry`](Self::retry) allowed has its outcome.
    pub fn retry_ended(&mut self) {
        self.retries = self.retries.saturating_sub(1);
    }

    /// How many retries may be under way now; `None` is no limit.
    pub(super) fn max_retries(&self) -> Option<u32> {
        let requests = u64::from(self.active) + u64::from(self.queue.len());
        match &self.limits.retry_budget {
            Some(budget) => Some(budget.retries_for(requests)),
            None => self.limits.max_retries,
        }
    }
}
