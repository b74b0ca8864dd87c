//! What a proxy says of itself, in Envoy's text form.

use std::collections::BTreeMap;

/// The counters that are compared, without their `upstream_`. Others count bytes, or the same in
/// another way.
const COUNTERS: &[&str] = &[
    "cx_close_notify",
    "cx_connect_fail",
    "cx_connect_timeout",
    "cx_destroy",
    "cx_destroy_local",
    "cx_destroy_local_with_active_rq",
    "cx_destroy_remote",
    "cx_destroy_remote_with_active_rq",
    "cx_destroy_with_active_rq",
    "cx_http1_total",
    "cx_http2_total",
    "cx_idle_timeout",
    "cx_max_duration_reached",
    "cx_max_requests",
    "cx_overflow",
    "cx_total",
    "rq_200",
    "rq_503",
    "rq_504",
    "rq_active_overflow",
    "rq_cancelled",
    "rq_completed",
    "rq_pending_failure_eject",
    "rq_pending_overflow",
    "rq_pending_total",
    "rq_per_try_timeout",
    "rq_retry",
    "rq_retry_limit_exceeded",
    "rq_retry_overflow",
    "rq_retry_success",
    "rq_timeout",
    "rq_total",
];

/// What remains of a limit that is not set: close to `u32::MAX`.
const UNLIMITED: u64 = 1 << 31;

/// All values by their full names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stats(BTreeMap<String, u64>);

impl Stats {
    /// Reads lines of `name: value`; what is no number, a histogram for one, is passed over.
    pub(crate) fn parse(text: &str) -> Self {
        let values = text.lines().filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(values.collect())
    }

    /// 0 if there is none, which Envoy does not show before it is used.
    pub(crate) fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    fn upstream(&self, name: &str) -> u64 {
        self.get(&format!("cluster.up.upstream_{name}"))
    }

    pub(crate) fn active(&self) -> u64 {
        self.upstream("rq_active")
    }

    pub(crate) fn pending(&self) -> u64 {
        self.upstream("rq_pending_active")
    }

    pub(crate) fn connections(&self) -> u64 {
        self.upstream("cx_active")
    }

    /// The counters that changed.
    pub(crate) fn delta(&self, before: &Self) -> BTreeMap<String, i64> {
        let changes = COUNTERS.iter().map(|name| {
            let of = |stats: &Self| i64::try_from(stats.upstream(name)).unwrap();
            ((*name).to_owned(), of(self) - of(before))
        });
        changes.filter(|(_, change)| *change != 0).collect()
    }

    /// The circuit breakers that are open, and what remains of each limit that is set.
    pub(crate) fn circuit_breakers(&self) -> BTreeMap<String, u64> {
        let gauges = self.0.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix("cluster.up.circuit_breakers.")?;
            let shown = if name.ends_with("_open") {
                *value > 0
            } else {
                *value < UNLIMITED
            };
            shown.then(|| (name.to_owned(), *value))
        });
        gauges.collect()
    }
}
