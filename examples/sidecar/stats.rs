//! [`Numbers`]: all that can be told in numbers, under Envoy's names.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use meshpool::istio::Explanation;
use meshpool::istio::explain::Load;
use meshpool::limits::LimitsSource;
use meshpool::outbound::destination::{Expected, Machine, Stats};

use crate::proxy::Proxy;
use crate::rules::Rules;

/// The name under which Envoy would have the upstream.
const CLUSTER: &str = "up";
/// What Envoy has for a limit that is not set, in a mesh.
const UNLIMITED: u32 = u32::MAX;
/// Statuses that are told of even if there was none.
const USUAL: [u64; 3] = [200, 503, 504];

pub(crate) struct Numbers {
    proxy: Arc<Proxy>,
    rules: Arc<Rules>,
}

impl Numbers {
    pub(crate) fn new(proxy: Arc<Proxy>, rules: Arc<Rules>) -> Self {
        Self { proxy, rules }
    }

    /// What is in force and why, and what the pool has to do, for `/explain`.
    pub(crate) fn explained(&self) -> (Explanation, Load) {
        let destination = self.proxy.destination();
        let limits = self.rules.limits(&destination);
        let stats = self.pool();
        let mut load = Load::default();
        load.active = stats.rq_active.into();
        load.max_requests = limits.max_requests;
        load.pending = stats.rq_pending_active.into();
        load.max_pending_requests = limits.max_pending_requests;
        load.refused = stats.counters.rq_active_overflow + stats.counters.rq_pending_overflow;
        load.admitted = Some(stats.counters.rq_total);
        (self.rules.explanation(&destination), load)
    }

    /// Envoy's text form: a line for each, sorted.
    pub(crate) fn text(&self) -> String {
        let mut lines: Vec<_> = self
            .of_upstream()
            .into_iter()
            .map(|(name, value)| format!("cluster.{CLUSTER}.{name}: {value}\n"))
            .chain(
                self.of_rules()
                    .map(|(name, value)| format!("rules.{name}: {value}\n")),
            )
            .collect();
        lines.sort_unstable();
        lines.concat()
    }

    /// The limits in force, as Envoy's page of clusters has them.
    pub(crate) fn limits(&self) -> String {
        let limits = self.rules.limits(&self.proxy.destination());
        let lines = [
            ("max_connections", limits.max_connections),
            ("max_pending_requests", limits.max_pending_requests),
            ("max_requests", limits.max_requests),
            ("max_retries", limits.max_retries),
        ];
        let lines = lines.map(|(name, limit)| {
            let limit = limit.unwrap_or(UNLIMITED);
            format!("{CLUSTER}::default_priority::{name}::{limit}\n")
        });
        lines.concat()
    }

    /// Prometheus' text form, with Envoy's names and labels.
    pub(crate) fn prometheus(&self) -> String {
        let mut text = String::new();
        let mut add = |name: &str, labels: &str, value: u64| {
            let kind = if is_gauge(name) { "gauge" } else { "counter" };
            writeln!(text, "# TYPE {name} {kind}\n{name}{labels} {value}")
                .expect("a string takes everything");
        };
        let cluster = format!("{{envoy_cluster_name=\"{CLUSTER}\"}}");
        for (name, value) in self.of_upstream() {
            let name = format!("envoy_cluster_{}", name.replace('.', "_"));
            add(&name, &cluster, value);
        }
        for (name, value) in self.of_rules() {
            add(&format!("rules_{name}"), "", value);
        }
        text
    }

    fn of_rules(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("update_success", self.rules.updates()),
            ("update_rejected", self.rules.rejects()),
            ("limit_changes", self.rules.limit_changes()),
        ]
        .into_iter()
    }

    fn of_upstream(&self) -> BTreeMap<String, u64> {
        let stats = self.pool();
        let counts = self.proxy.counts();
        let retries = self.proxy.retry_stats();
        let mut numbers: BTreeMap<_, _> = USUAL
            .map(|status| (format!("upstream_rq_{status}"), 0))
            .into();
        let own = [
            ("upstream_rq_completed", counts.rq_completed.get()),
            ("upstream_rq_timeout", counts.rq_timeout.get()),
            (
                "upstream_rq_per_try_timeout",
                counts.rq_per_try_timeout.get(),
            ),
            ("upstream_rq_retry_success", retries.success),
            ("upstream_rq_retry_limit_exceeded", retries.limit_exceeded),
        ];
        let named = unlimited(&stats).chain(stats.named()).chain(own);
        numbers.extend(named.map(|(name, value)| (name.to_owned(), value)));
        for (status, count) in counts.by_status() {
            numbers.insert(format!("upstream_rq_{status}"), count);
            *numbers
                .entry(format!("upstream_rq_{}xx", status / 100))
                .or_default() += count;
        }
        numbers
    }

    /// What the pool has counted; nothing, if there has been no need for one yet.
    fn pool(&self) -> Stats {
        let destination = self.proxy.destination();
        let stats = self.proxy.client().stats(&destination);
        stats.unwrap_or_else(|| {
            let limits = self.rules.limits(&destination);
            Machine::new(limits, Expected::Negotiated).stats()
        })
    }
}

/// What remains where nothing is limited, to be replaced where something is.
fn unlimited(stats: &Stats) -> impl Iterator<Item = (&'static str, u64)> + use<> {
    [
        ("circuit_breakers.default.remaining_cx", stats.cx_active),
        ("circuit_breakers.default.remaining_rq", stats.rq_active),
        (
            "circuit_breakers.default.remaining_pending",
            stats.rq_pending_active,
        ),
        (
            "circuit_breakers.default.remaining_retries",
            stats.retries_active,
        ),
    ]
    .map(|(name, used)| (name, u64::from(UNLIMITED - used)))
    .into_iter()
}

fn is_gauge(name: &str) -> bool {
    name.ends_with("_active") || name.contains("circuit_breakers")
}
