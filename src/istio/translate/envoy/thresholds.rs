//! The thresholds of circuit breakers.

use super::pool::{Pool, limit};
use crate::istio::resource::{self, GoDuration};

/// Envoy's circuit-breaker thresholds of the default priority, as istiod sets them.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Thresholds {
    /// `tcp.maxConnections`. [`UNLIMITED`](Self::UNLIMITED) if that is unset or 0, as all below.
    pub max_connections: u32,
    /// `http.http1MaxPendingRequests`.
    pub max_pending_requests: u32,
    /// `http.http2MaxRequests`.
    pub max_requests: u32,
    /// `http.maxRetries`.
    pub max_retries: u32,
    /// `retryBudget`, which takes the place of [`max_retries`](Self::max_retries).
    pub retry_budget: Option<RetryBudget>,
    /// Whether Envoy tells how much is left. Istio has it off.
    pub track_remaining: bool,
}

/// A retry budget as istiod sends it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RetryBudget {
    /// How many retries may be under way, as a percentage of the requests. Default: 20.
    pub budget_percent: f64,
    /// How many may always be. Default, and if it is 0: 3.
    pub min_retry_concurrency: u32,
    /// For how long a request counts after its end. Default: not at all. In a process it has no
    /// effect.
    pub budget_interval: Option<GoDuration>,
}

impl Thresholds {
    /// No limit.
    pub const UNLIMITED: u32 = u32::MAX;

    pub(super) fn new(pool: Option<&Pool>, retry_budget: Option<RetryBudget>) -> Self {
        let number = |field: fn(&Pool) -> i32| {
            let number = pool.map_or(0, field);
            limit(number).unwrap_or(Self::UNLIMITED)
        };
        Self {
            max_connections: number(|pool| pool.max_connections),
            max_pending_requests: number(|pool| pool.max_pending_requests),
            max_requests: number(|pool| pool.max_requests),
            max_retries: number(|pool| pool.max_retries),
            retry_budget,
            track_remaining: false,
        }
    }
}

impl RetryBudget {
    /// A percentage of 0 is one, a minimum of 0 is unset: so it is in Istio.
    pub(in crate::istio) fn new(budget: &resource::RetryBudget) -> Self {
        let minimum = budget
            .min_retry_concurrency
            .map_or(0, |minimum| minimum.value);
        Self {
            budget_percent: budget.percent.map_or(20.0, |percent| percent.value),
            min_retry_concurrency: if minimum > 0 { minimum } else { 3 },
            budget_interval: budget.budget_interval.map(|interval| interval.value),
        }
    }
}
