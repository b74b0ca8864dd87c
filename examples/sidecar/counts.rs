//! [`Counts`]: what is counted here and not by the pool, as it is about whole requests.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;

const STATUSES: std::ops::Range<usize> = 100..1000;

/// Each is named as Envoy's counter is, without `upstream_`.
pub(crate) struct Counts {
    /// Requests that have a response, the upstream's or one from here.
    pub(crate) rq_completed: Count,
    /// Requests that took too long.
    pub(crate) rq_timeout: Count,
    /// Tries that took too long.
    pub(crate) rq_per_try_timeout: Count,
    /// `rq_completed` by status, from 100 on.
    by_status: [Count; STATUSES.end - STATUSES.start],
}

#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Counts {
    pub(crate) fn new() -> Self {
        Self {
            rq_completed: Count::default(),
            rq_timeout: Count::default(),
            rq_per_try_timeout: Count::default(),
            by_status: array::from_fn(|_| Count::default()),
        }
    }

    /// A request has this response.
    pub(crate) fn completed(&self, status: StatusCode) {
        self.rq_completed.add();
        self.by_status[usize::from(status.as_u16()) - STATUSES.start].add();
    }

    /// How often each status was the response's, where it was.
    pub(crate) fn by_status(&self) -> impl Iterator<Item = (usize, u64)> {
        let counts = STATUSES.zip(self.by_status.iter().map(Count::get));
        counts.filter(|(_, count)| *count > 0)
    }
}

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
