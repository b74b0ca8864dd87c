//! `Sidecar`.

use super::collect::{block, labels, list};
use super::fields::Fields;
use super::meta::{meta, spec_of};
use super::plain::{one_of, string, uint32};
use super::pool::connection_pool;
use super::value::Value;
use crate::istio::problem::Report;
use crate::istio::resource::{
    CaptureMode, Listener, ListenerPort, Sidecar, SidecarSpec, Spanned, WorkloadSelector,
};

const CAPTURE_MODES: &[(&str, CaptureMode)] = &[
    ("DEFAULT", CaptureMode::Default),
    ("IPTABLES", CaptureMode::Iptables),
    ("NONE", CaptureMode::None),
];

pub(super) fn sidecar(value: Value<'_>, report: &mut Report) -> Option<Sidecar> {
    let mut fields = Fields::open(value, report)?;
    let sidecar = Sidecar {
        meta: meta(value, &mut fields, report),
        spec: spec_of(&mut fields, report, spec),
    };
    fields.close_object(report);
    Some(sidecar)
}

fn spec(value: Value<'_>, report: &mut Report) -> Option<Spanned<SidecarSpec>> {
    let mut fields = Fields::open(value, report)?;
    let spec = SidecarSpec {
        workload_selector: fields.get("workloadSelector", report, workload_selector),
        ingress: fields.get("ingress", report, list(listener)),
        inbound_connection_pool: fields.get("inboundConnectionPool", report, connection_pool),
        egress: fields.get("egress", report, list(block)),
        outbound_traffic_policy: fields.get("outboundTrafficPolicy", report, block),
    };
    fields.close(report);
    Some(value.spanned(spec))
}

fn workload_selector(value: Value<'_>, report: &mut Report) -> Option<Spanned<WorkloadSelector>> {
    let mut fields = Fields::open(value, report)?;
    let labels = fields.get("labels", report, labels);
    fields.close(report);
    Some(value.spanned(WorkloadSelector { labels }))
}

fn listener(value: Value<'_>, report: &mut Report) -> Option<Spanned<Listener>> {
    let mut fields = Fields::open(value, report)?;
    let listener = Listener {
        port: fields.get("port", report, port),
        connection_pool: fields.get("connectionPool", report, connection_pool),
        bind: fields.get("bind", report, string),
        capture_mode: fields.get("captureMode", report, one_of(CAPTURE_MODES)),
        default_endpoint: fields.get("defaultEndpoint", report, string),
        tls: fields.get("tls", report, block),
    };
    fields.close(report);
    Some(value.spanned(listener))
}

fn port(value: Value<'_>, report: &mut Report) -> Option<Spanned<ListenerPort>> {
    let mut fields = Fields::open(value, report)?;
    let port = ListenerPort {
        number: fields.get("number", report, uint32),
        protocol: fields.get("protocol", report, string),
        name: fields.get("name", report, string),
        target_port: fields.get("targetPort", report, uint32),
    };
    fields.close(report);
    Some(value.spanned(port))
}
