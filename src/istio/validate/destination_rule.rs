//! The `DestinationRule`, and its traffic policies on every level.

use super::export::export_to;
use super::host::host;
use super::outlier::outlier_detection;
use super::pool::connection_pool;
use super::selector::workload_selector;
use super::subset::subsets;
use super::{Level, missing};
use crate::istio::gate::Gate;
use crate::istio::path::Path;
use crate::istio::problem::Report;
use crate::istio::resource::{DestinationRule, PortPolicy, RetryBudget, Spanned, TrafficPolicy};

/// How many entries the CRD allows in `portLevelSettings`.
const MOST_PORTS: usize = 4096;

pub(super) fn destination_rule(rule: &DestinationRule, gate: Gate, report: &mut Report) {
    let root = rule.meta.path();
    let path = root.field("spec");
    let Some(spec) = &rule.spec else {
        missing(
            rule.meta.at,
            &path,
            "a rule needs a spec with a host",
            report,
        );
        return;
    };
    host(spec, &path.field("host"), report);
    if let Some(policy) = &spec.traffic_policy {
        traffic_policy(
            policy,
            Level::Top,
            gate,
            &path.field("trafficPolicy"),
            report,
        );
    }
    if let Some(list) = &spec.subsets {
        subsets(list, gate, &path.field("subsets"), report);
    }
    export_to(spec, &rule.meta, &path.field("exportTo"), report);
    if let Some(selector) = &spec.workload_selector {
        workload_selector(selector, gate, &path.field("workloadSelector"), report);
    }
}

pub(super) fn traffic_policy(
    policy: &Spanned<TrafficPolicy>,
    level: Level,
    gate: Gate,
    path: &Path<'_>,
    report: &mut Report,
) {
    if let (Some(_), Some(proxy_protocol)) = (&policy.tunnel, &policy.proxy_protocol) {
        report.error(
            proxy_protocol.at,
            &path.field("proxyProtocol"),
            "tunnel and proxyProtocol exclude each other: keep one",
        );
    }
    if policy.is_empty() && !report.has_error_under(path) {
        report.error(
            policy.at,
            path,
            "an empty traffic policy: give it a connectionPool, or leave it out",
        );
    }
    if let Some(pool) = &policy.connection_pool {
        connection_pool(pool, &path.field("connectionPool"), report);
    }
    if let Some(outlier) = &policy.outlier_detection {
        outlier_detection(
            outlier,
            level,
            gate,
            &path.field("outlierDetection"),
            report,
        );
    }
    if let (Some(budget), Gate::Strict) = (&policy.retry_budget, gate) {
        retry_budget(budget, &path.field("retryBudget"), report);
    }
    if let Some(ports) = &policy.port_level_settings {
        let path = path.field("portLevelSettings");
        if ports.len() > MOST_PORTS && gate == Gate::Strict {
            report.error(
                ports.at,
                &path,
                format_args!("{} entries: at most {MOST_PORTS} are allowed", ports.len()),
            );
        }
        for (index, port) in ports.iter().enumerate() {
            port_policy(port, gate, &path.item(index), report);
        }
    }
}

/// The CRD asks for a percentage; Istio itself does not look.
fn retry_budget(budget: &RetryBudget, path: &Path<'_>, report: &mut Report) {
    let percent = budget.percent.as_ref();
    if let Some(percent) = percent.filter(|percent| !(0.0..=100.0).contains(&percent.value)) {
        report.error(
            percent.at,
            &path.field("percent"),
            format_args!("{} is no percentage: expected 0 to 100", percent.value),
        );
    }
}

fn port_policy(policy: &Spanned<PortPolicy>, gate: Gate, path: &Path<'_>, report: &mut Report) {
    if policy.port.is_none() {
        missing(
            policy.at,
            &path.field("port"),
            "which port the settings are for",
            report,
        );
    }
    if policy.is_empty() && !report.has_error_under(path) {
        report.error(
            policy.at,
            path,
            "no settings for the port: expected connectionPool, loadBalancer, outlierDetection \
             or tls",
        );
    }
    if let Some(pool) = &policy.connection_pool {
        connection_pool(pool, &path.field("connectionPool"), report);
    }
    if let Some(outlier) = &policy.outlier_detection {
        let path = path.field("outlierDetection");
        outlier_detection(outlier, Level::Inner, gate, &path, report);
    }
}
