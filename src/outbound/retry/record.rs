//! [`RetryRecord`]: what became of one request's retries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells how often a request was retried, and why not again: for an access log, say. Put one into
/// a request's extensions, and ask a clone of it when the outcome is there.
///
/// ```
/// use meshpool::outbound::retry::RetryRecord;
///
/// let record = RetryRecord::default();
/// let request = http::Request::get("http://user/").extension(record.clone()).body(());
/// // … when it was sent, by a service with a `RetryPolicy`:
/// assert_eq!((record.retries(), record.not_retried()), (0, None));
/// # let _ = request;
/// ```
#[derive(Clone, Debug, Default)]
pub struct RetryRecord(Arc<AtomicU64>);

/// Why an outcome that was worth a retry had none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotRetried {
    /// [`max_retries`](crate::Limits::max_retries) or the
    /// [`retry_budget`](crate::Limits::retry_budget) left no room. Envoy's flag: `UO`.
    Overflow,
    /// The request had as many retries as the policy allows it. Envoy's flag: `URX`.
    LimitExceeded,
}

const OVERFLOW: u64 = 1 << 32;
const LIMIT_EXCEEDED: u64 = 1 << 33;

impl RetryRecord {
    /// How many retries were begun.
    pub fn retries(&self) -> u32 {
        self.0.load(Ordering::Relaxed) as u32
    }

    /// Why there was no further one, though the outcome was worth it.
    pub fn not_retried(&self) -> Option<NotRetried> {
        match self.0.load(Ordering::Relaxed) & (OVERFLOW | LIMIT_EXCEEDED) {
            0 => None,
            OVERFLOW => Some(NotRetried::Overflow),
            _ => Some(NotRetried::LimitExceeded),
        }
    }

    pub(super) fn add_retry(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_not_retried(&self, why: NotRetried) {
        let flag = match why {
            NotRetried::Overflow => OVERFLOW,
            NotRetried::LimitExceeded => LIMIT_EXCEEDED,
        };
        self.0.fetch_or(flag, Ordering::Relaxed);
    }
}
