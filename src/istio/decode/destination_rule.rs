//! The `DestinationRule` around the pool.

use super::collect::{block, labels, list};
use super::duration::duration;
use super::fields::Fields;
use super::meta::{meta, spec_of};
use super::plain::{double, string, uint32};
use super::pool::{connection_pool, outlier_detection};
use super::value::Value;
use crate::istio::problem::Report;
use crate::istio::resource::{
    DestinationRule, PortPolicy, RetryBudget, Spanned, Spec, Subset, TrafficPolicy,
    WorkloadSelector,
};

pub(super) fn destination_rule(value: Value<'_>, report: &mut Report) -> Option<DestinationRule> {
    let mut fields = Fields::open(value, report)?;
    let rule = DestinationRule {
        meta: meta(value, &mut fields, report),
        spec: spec_of(&mut fields, report, spec),
    };
    fields.close_object(report);
    Some(rule)
}

fn spec(value: Value<'_>, report: &mut Report) -> Option<Spanned<Spec>> {
    let mut fields = Fields::open(value, report)?;
    let spec = Spec {
        host: fields.get("host", report, string),
        traffic_policy: fields.get("trafficPolicy", report, traffic_policy),
        subsets: fields.get("subsets", report, list(subset)),
        export_to: fields.get("exportTo", report, list(string)),
        workload_selector: fields.get("workloadSelector", report, workload_selector),
    };
    fields.close(report);
    Some(value.spanned(spec))
}

fn traffic_policy(value: Value<'_>, report: &mut Report) -> Option<Spanned<TrafficPolicy>> {
    let mut fields = Fields::open(value, report)?;
    let policy = TrafficPolicy {
        connection_pool: fields.get("connectionPool", report, connection_pool),
        port_level_settings: fields.get("portLevelSettings", report, list(port_policy)),
        outlier_detection: fields.get("outlierDetection", report, outlier_detection),
        retry_budget: fields.get("retryBudget", report, retry_budget),
        load_balancer: fields.get("loadBalancer", report, block),
        tls: fields.get("tls", report, block),
        tunnel: fields.get("tunnel", report, block),
        proxy_protocol: fields.get("proxyProtocol", report, block),
    };
    fields.close(report);
    Some(value.spanned(policy))
}

fn retry_budget(value: Value<'_>, report: &mut Report) -> Option<Spanned<RetryBudget>> {
    let mut fields = Fields::open(value, report)?;
    let budget = RetryBudget {
        percent: fields.get("percent", report, double),
        min_retry_concurrency: fields.get("minRetryConcurrency", report, uint32),
        budget_interval: fields.get("budgetInterval", report, duration),
    };
    fields.close(report);
    Some(value.spanned(budget))
}

fn port_policy(value: Value<'_>, report: &mut Report) -> Option<Spanned<PortPolicy>> {
    let mut fields = Fields::open(value, report)?;
    let policy = PortPolicy {
        port: fields.get("port", report, port),
        connection_pool: fields.get("connectionPool", report, connection_pool),
        outlier_detection: fields.get("outlierDetection", report, outlier_detection),
        load_balancer: fields.get("loadBalancer", report, block),
        tls: fields.get("tls", report, block),
    };
    fields.close(report);
    Some(value.spanned(policy))
}

fn port(value: Value<'_>, report: &mut Report) -> Option<Spanned<Option<Spanned<u32>>>> {
    let mut fields = Fields::open(value, report)?;
    let number = fields.get("number", report, uint32);
    fields.close(report);
    Some(value.spanned(number))
}

fn subset(value: Value<'_>, report: &mut Report) -> Option<Spanned<Subset>> {
    let mut fields = Fields::open(value, report)?;
    let subset = Subset {
        name: fields.get("name", report, string),
        labels: fields.get("labels", report, labels),
        traffic_policy: fields.get("trafficPolicy", report, traffic_policy),
    };
    fields.close(report);
    Some(value.spanned(subset))
}

fn workload_selector(value: Value<'_>, report: &mut Report) -> Option<Spanned<WorkloadSelector>> {
    let mut fields = Fields::open(value, report)?;
    let labels = fields.get("matchLabels", report, labels);
    fields.close(report);
    Some(value.spanned(WorkloadSelector { labels }))
}
