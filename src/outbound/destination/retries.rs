//! Limits on retries that are under way at the same time.

use super::Machine;

impl Machine {
    /// Whether a request may be retried now. If so, it holds a slot until
    /// [`retry_ended`](Self::retry_ended), to be called once when that attempt has its outcome:
    /// answered, failed, refused or cancelled.
    ///
    /// A [`retry_budget`](crate::Limits::retry_budget) is a share of what is active and pends, and
    /// of what is `besides`. Envoy ends an attempt on HTTP/1 after this decision, however it went:
    /// one that has ended here already is one besides. On HTTP/2 it ends it before, unless that is
    /// for the driver to do, since the response has a body that is not read yet.
    ///
    /// The retry itself is a new [`request`](Self::request), which needs its place as any other.
    /// If not, the response or error in hand is the answer. Overflow is never retried.
    #[must_use = "a retry that is allowed holds a slot until `retry_ended`"]
    pub fn retry(&mut self, besides: u32) -> bool {
        let max = self.max_retries(besides);
        let allowed = max.is_none_or(|max| self.retries < max);
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

    /// How many retries may be under way with what is active and pends, and so many more; `None`
    /// is no limit.
    pub(super) fn max_retries(&self, besides: u32) -> Option<u32> {
        let requests = u64::from(self.active) + u64::from(self.queue.len()) + u64::from(besides);
        match &self.limits.retry_budget {
            Some(budget) => Some(budget.retries_for(requests)),
            None => self.limits.max_retries,
        }
    }
}
