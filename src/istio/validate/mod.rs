//! Whether a rule makes sense: the checks of Istio's own admission, in our words.
//!
//! What lives here looks at typed rules and reports; it changes nothing and translates nothing.

mod host;
mod mesh;
mod pool;
mod sidecar;

use std::collections::HashMap;

use self::host::host;
use self::mesh::mesh_config;
use self::pool::connection_pool;
use self::sidecar::sidecar;
use super::path::Path;
use super::problem::{Position, Report, shorten};
use super::resource::{DestinationRule, PortPolicy, Resource, Spanned, Subset, TrafficPolicy};

/// Reports what is wrong with a resource.
pub(super) fn validate(resource: &Resource, report: &mut Report) {
    match resource {
        Resource::DestinationRule(rule) => destination_rule(rule, report),
        Resource::Sidecar(found) => sidecar(found, report),
        Resource::MeshConfig(mesh) => mesh_config(mesh, report),
    }
}

fn destination_rule(rule: &DestinationRule, report: &mut Report) {
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
        traffic_policy(policy, &path.field("trafficPolicy"), report);
    }
    if let Some(list) = &spec.subsets {
        subsets(list, &path.field("subsets"), report);
    }
}

/// Something that is not there and must be, unless it is there and was refused.
fn missing(at: Position, path: &Path<'_>, message: &str, report: &mut Report) {
    if !report.has_error_under(path) {
        report.error(at, path, format_args!("missing: {message}"));
    }
}

fn traffic_policy(policy: &Spanned<TrafficPolicy>, path: &Path<'_>, report: &mut Report) {
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
    if let Some(budget) = &policy.retry_budget {
        percentage(
            &budget.value.percent,
            &path.field("retryBudget").field("percent"),
            report,
        );
    }
    if let Some(ports) = &policy.port_level_settings {
        let path = path.field("portLevelSettings");
        for (index, port) in ports.value.iter().enumerate() {
            port_policy(port, &path.item(index), report);
        }
    }
}

/// The CRD asks for it; Istio itself does not look.
fn percentage(percent: &Option<Spanned<f64>>, path: &Path<'_>, report: &mut Report) {
    if let Some(percent) = percent.filter(|percent| !(0.0..=100.0).contains(&percent.value)) {
        report.error(
            percent.at,
            path,
            format_args!("{} is no percentage: expected 0 to 100", percent.value),
        );
    }
}

fn port_policy(policy: &Spanned<PortPolicy>, path: &Path<'_>, report: &mut Report) {
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
}

fn subsets(list: &[Spanned<Subset>], path: &Path<'_>, report: &mut Report) {
    let mut seen: HashMap<&str, Position> = HashMap::new();
    for (index, subset) in list.iter().enumerate() {
        let path = path.item(index);
        let name_path = path.field("name");
        match &subset.name {
            None => missing(subset.at, &name_path, "a subset needs a name", report),
            Some(name) if name.value.is_empty() => {
                report.error(name.at, &name_path, "empty: a subset needs a name");
            }
            Some(name) if !host::is_label(&name.value) => report.error(
                name.at,
                &name_path,
                format_args!(
                    "`{}` is no subset name: expected up to 63 letters, digits and inner dashes",
                    shorten(&name.value)
                ),
            ),
            Some(name) => {
                if let Some(first) = seen.get(&*name.value) {
                    report.error(
                        name.at,
                        &name_path,
                        format_args!("the subset `{}` stands already at {first}", name.value),
                    );
                } else {
                    seen.insert(&name.value, name.at);
                }
            }
        }
        if let Some(policy) = &subset.traffic_policy {
            traffic_policy(policy, &path.field("trafficPolicy"), report);
        }
    }
}
