//! The pools of a `Sidecar`, and the listeners that they are for.

use std::collections::HashMap;

use super::missing;
use super::pool::connection_pool;
use super::selector::sidecar_selector;
use crate::istio::gate::Gate;
use crate::istio::path::Path;
use crate::istio::problem::{Position, Report, shorten};
use crate::istio::resource::{Listener, ListenerPort, Sidecar, SidecarSpec, Spanned};

/// The protocols of a listener that are HTTP, in any case of letters.
const HTTP_PROTOCOLS: [&str; 5] = ["http", "http2", "http_proxy", "grpc", "grpc-web"];

pub(super) fn sidecar(sidecar: &Sidecar, gate: Gate, report: &mut Report) {
    let root = sidecar.meta.path();
    let path = root.field("spec");
    let Some(spec) = &sidecar.spec else {
        missing(sidecar.meta.at, &path, "a Sidecar needs a spec", report);
        return;
    };
    if let Some(selector) = &spec.workload_selector {
        sidecar_selector(selector, gate, &path.field("workloadSelector"), report);
    }
    if is_empty(spec) && !report.has_error_under(&path) {
        report.error(
            spec.at,
            &path,
            "an empty Sidecar: expected inboundConnectionPool, ingress, egress or \
             outboundTrafficPolicy",
        );
    }
    if let Some(pool) = &spec.inbound_connection_pool {
        connection_pool(pool, &path.field("inboundConnectionPool"), report);
    }
    let ingress = path.field("ingress");
    let mut ports = HashMap::new();
    for (index, found) in spec.ingress.iter().flat_map(|list| list.iter()).enumerate() {
        listener(found, &mut ports, &ingress.item(index), report);
    }
}

fn is_empty(spec: &SidecarSpec) -> bool {
    spec.egress.as_ref().is_none_or(|egress| egress.is_empty())
        && spec
            .ingress
            .as_ref()
            .is_none_or(|ingress| ingress.is_empty())
        && spec.inbound_connection_pool.is_none()
        && spec.outbound_traffic_policy.is_none()
}

fn listener(
    listener: &Spanned<Listener>,
    ports: &mut HashMap<u32, Position>,
    path: &Path<'_>,
    report: &mut Report,
) {
    let port_path = path.field("port");
    match &listener.port {
        None => missing(
            listener.at,
            &port_path,
            "which port the listener is for",
            report,
        ),
        Some(port) => listener_port(port, ports, &port_path, report),
    }
    let Some(pool) = &listener.connection_pool else {
        return;
    };
    let path = path.field("connectionPool");
    connection_pool(pool, &path, report);
    let (Some(http), Some(port)) = (&pool.http, &listener.port) else {
        return;
    };
    let protocol = port.protocol.as_ref().map_or("", |protocol| protocol);
    let is_http = HTTP_PROTOCOLS
        .iter()
        .any(|known| protocol.eq_ignore_ascii_case(known));
    if !is_http {
        report.warning(
            http.at,
            &path.field("http"),
            format_args!(
                "without effect: the port's protocol is {}, not HTTP",
                match protocol {
                    "" => "not given".to_owned(),
                    other => format!("`{}`", shorten(other)),
                }
            ),
        );
    }
}

/// The protocol is not checked: what Istio knows none of is no HTTP to it, nor here.
fn listener_port(
    port: &Spanned<ListenerPort>,
    ports: &mut HashMap<u32, Position>,
    path: &Path<'_>,
    report: &mut Report,
) {
    let path = path.field("number");
    let number = match &port.number {
        Some(number) => number,
        None => &Spanned {
            value: 0,
            at: port.at,
        },
    };
    if !(1..=65535).contains(&number.value) && !report.has_error_under(&path) {
        report.error(
            number.at,
            &path,
            format_args!("{} is no port: expected 1 to 65535", number.value),
        );
    }
    if let Some(first) = ports.insert(number.value, number.at) {
        report.error(
            number.at,
            &path,
            format_args!("the port {} stands already at {first}", number.value),
        );
    }
}
