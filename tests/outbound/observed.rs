//! What the settings of a scenario mean here, and what was seen in it.

use std::time::Duration;

use meshpool::Limits;
use meshpool::limits::RetryBudget;
use serde_json::json;

use crate::fields::{self, Seen};
use crate::scenario::{Route, Scenario, Settings};

impl Settings {
    pub(crate) fn limits(&self) -> Limits {
        // In a rule, 0 is unset.
        let set = |value: Option<u32>| value.filter(|value| *value > 0);
        let pool = self.connection_pool.clone().unwrap_or_default();
        let (tcp, http) = (&pool.tcp, &pool.http);
        let raw = self.envoy_thresholds.clone().unwrap_or_default();
        let budget = self.retry_budget.as_ref().map(|budget| {
            RetryBudget::new()
                .percent(budget.percent.unwrap_or(20.0))
                .min_concurrency(budget.min_retry_concurrency.unwrap_or(3))
        });
        Limits::new()
            .max_connections(raw.max_connections.or(set(tcp.max_connections)))
            .max_pending_requests(raw.max_pending_requests.or(set(http.max_pending_requests)))
            .max_requests(raw.max_requests.or(set(http.max_requests)))
            .max_requests_per_connection(set(http.max_requests_per_connection))
            .max_concurrent_streams(set(http.max_concurrent_streams))
            .connect_timeout(tcp.connect_timeout.as_deref().map(seconds))
            .max_connection_duration(tcp.max_connection_duration.as_deref().map(seconds))
            .idle_timeout(http.idle_timeout.as_deref().map(seconds))
            .max_retries(set(http.max_retries))
            .retry_budget(budget)
    }
}

impl Route {
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.route_timeout.as_deref().map(seconds)
    }

    pub(crate) fn per_try_timeout(&self) -> Option<Duration> {
        let policy = self.retry_policy.as_ref()?;
        policy.per_try_timeout.as_deref().map(seconds)
    }

    pub(crate) fn retries(&self) -> u32 {
        let policy = self.retry_policy.as_ref();
        policy.map_or(0, |policy| policy.num_retries)
    }

    /// Whether there is a policy that retries this.
    pub(crate) fn retries_on(&self, condition: &str) -> bool {
        let policy = self.retry_policy.as_ref();
        policy.is_some_and(|policy| policy.retry_on.split(',').any(|each| each == condition))
    }
}

/// Reads Istio's `0.25s`.
fn seconds(text: &str) -> Duration {
    let number = text.strip_suffix('s').unwrap();
    Duration::from_secs_f64(number.parse().unwrap())
}

/// All that was seen, in the form in which it is compared.
pub(crate) fn seen(scenario: &Scenario) -> Seen {
    let steps: Vec<_> = scenario.steps.iter().map(fields::by_field).collect();
    let (outcome, order) = (json!(scenario.outcome), json!(scenario.served_order));
    fields::seen(&steps, outcome, order)
}
