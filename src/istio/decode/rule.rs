//! The `DestinationRule` around the pool.

use super::duration::duration;
use super::fields::Fields;
use super::pool::connection_pool;
use super::value::{Value, double, list, opaque, string, uint32};
use crate::istio::problem::Report;
use crate::istio::rule::{
    DestinationRule, Opaque, PortPolicy, RetryBudget, Spanned, Spec, Subset, TrafficPolicy,
};

type Named = (Option<Spanned<String>>, Option<Spanned<String>>);

pub(super) fn destination_rule(value: Value<'_>, report: &mut Report) -> Option<DestinationRule> {
    let mut fields = Fields::open(value, report)?;
    // Both were read when it was decided that this is a rule.
    fields.get("apiVersion", report, opaque);
    fields.get("kind", report, opaque);
    let (name, namespace) = fields.get("metadata", report, metadata).unwrap_or_default();
    let item = value.path.to_string();
    let rule = DestinationRule {
        at: value.at(),
        item: (!item.is_empty()).then_some(item),
        name,
        namespace,
        spec: fields.get("spec", report, spec),
    };
    fields.get("status", report, opaque);
    fields.close(report);
    Some(rule)
}

/// The name and the namespace; what else metadata holds is Kubernetes' own.
fn metadata(value: Value<'_>, report: &mut Report) -> Option<Named> {
    let mut fields = Fields::open(value, report)?;
    let name = fields.get("name", report, string);
    let namespace = fields.get("namespace", report, string);
    Some((name, namespace))
}

fn spec(value: Value<'_>, report: &mut Report) -> Option<Spec> {
    let mut fields = Fields::open(value, report)?;
    let spec = Spec {
        at: value.at(),
        host: fields.get("host", report, string),
        traffic_policy: fields.get("trafficPolicy", report, traffic_policy),
        subsets: fields.get("subsets", report, with_place(list(subset))),
        export_to: fields.get("exportTo", report, with_place(list(string))),
        workload_selector: fields.get("workloadSelector", report, opaque),
    };
    fields.close(report);
    Some(spec)
}

fn traffic_policy(value: Value<'_>, report: &mut Report) -> Option<TrafficPolicy> {
    let mut fields = Fields::open(value, report)?;
    let policy = TrafficPolicy {
        at: value.at(),
        connection_pool: fields.get("connectionPool", report, connection_pool),
        port_level_settings: fields.get("portLevelSettings", report, with_place(list(port_policy))),
        load_balancer: fields.get("loadBalancer", report, opaque),
        outlier_detection: fields.get("outlierDetection", report, opaque),
        tls: fields.get("tls", report, opaque),
        tunnel: fields.get("tunnel", report, opaque),
        proxy_protocol: fields.get("proxyProtocol", report, opaque),
        retry_budget: fields.get("retryBudget", report, with_place(retry_budget)),
    };
    fields.close(report);
    Some(policy)
}

fn retry_budget(value: Value<'_>, report: &mut Report) -> Option<RetryBudget> {
    let mut fields = Fields::open(value, report)?;
    let budget = RetryBudget {
        percent: fields.get("percent", report, double),
        min_retry_concurrency: fields.get("minRetryConcurrency", report, uint32),
        budget_interval: fields.get("budgetInterval", report, duration),
    };
    fields.close(report);
    Some(budget)
}

fn port_policy(value: Value<'_>, report: &mut Report) -> Option<PortPolicy> {
    let mut fields = Fields::open(value, report)?;
    let policy = PortPolicy {
        at: value.at(),
        port: fields.get("port", report, port),
        connection_pool: fields.get("connectionPool", report, connection_pool),
        load_balancer: fields.get("loadBalancer", report, opaque),
        outlier_detection: fields.get("outlierDetection", report, opaque),
        tls: fields.get("tls", report, opaque),
    };
    fields.close(report);
    Some(policy)
}

/// The place of a well-formed port; the number is of no use yet.
fn port(value: Value<'_>, report: &mut Report) -> Option<Opaque> {
    let mut fields = Fields::open(value, report)?;
    fields.get("number", report, uint32);
    fields.close(report);
    opaque(value, report)
}

fn subset(value: Value<'_>, report: &mut Report) -> Option<Subset> {
    let mut fields = Fields::open(value, report)?;
    let subset = Subset {
        at: value.at(),
        name: fields.get("name", report, string),
        traffic_policy: fields.get("trafficPolicy", report, traffic_policy),
    };
    fields.get("labels", report, opaque);
    fields.close(report);
    Some(subset)
}

/// Keeps the place of what a decoder gives.
fn with_place<T>(
    decode: impl FnOnce(Value<'_>, &mut Report) -> Option<T>,
) -> impl FnOnce(Value<'_>, &mut Report) -> Option<Spanned<T>> {
    move |value, report| {
        let at = value.at();
        decode(value, report).map(|value| Spanned { value, at })
    }
}
