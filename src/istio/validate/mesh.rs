//! The mesh's own settings: its baseline, and what holds of connections.

use super::outlier::outlier_of_mesh;
use super::pool::{fault, milliseconds, pool_of_mesh};
use crate::istio::gate::Gate;
use crate::istio::path::Path;
use crate::istio::problem::{Report, Severity};
use crate::istio::resource::{
    GoDuration, MeshConfig, MeshForm, MeshSettings, Spanned, TcpKeepalive,
};

/// The longest that a connect may take by the mesh's own word.
const LONGEST_CONNECT: GoDuration = GoDuration::from_nanos(3_600_000_000_000);

pub(super) fn mesh_config(mesh: &MeshConfig, gate: Gate, report: &mut Report) {
    let Some(settings) = &mesh.settings else {
        return;
    };
    let root = mesh.meta.path();
    match mesh.form {
        MeshForm::Plain => mesh_settings(settings, gate, &root, report),
        MeshForm::Object => mesh_settings(settings, gate, &root.field("spec"), report),
        MeshForm::ConfigMap => {
            let data = root.field("data");
            mesh_settings(settings, gate, &data.field("mesh"), report);
        }
    }
}

fn mesh_settings(settings: &MeshSettings, gate: Gate, path: &Path<'_>, report: &mut Report) {
    connect_timeout(
        &settings.connect_timeout,
        &path.field("connectTimeout"),
        report,
    );
    if let Some(keepalive) = &settings.tcp_keepalive {
        tcp_keepalive(keepalive, gate, &path.field("tcpKeepalive"), report);
    }
    let path = path.field("defaultTrafficPolicy");
    let Some(policy) = &settings.default_traffic_policy else {
        return;
    };
    if let Some(pool) = &policy.connection_pool {
        pool_of_mesh(pool, &path.field("connectionPool"), report);
    }
    if let Some(outlier) = &policy.outlier_detection {
        outlier_of_mesh(outlier, &path.field("outlierDetection"), report);
    }
}

/// That of a rule may be longer.
fn connect_timeout(value: &Option<Spanned<GoDuration>>, path: &Path<'_>, report: &mut Report) {
    match *value {
        Some(Spanned { value, at }) if value > LONGEST_CONNECT => report.error(
            at,
            path,
            format_args!("{value} is too long: expected {LONGEST_CONNECT} or less"),
        ),
        _ => milliseconds(value, path, report),
    }
}

/// Istio checks nothing of the mesh's, and all of it in a rule.
fn tcp_keepalive(keepalive: &TcpKeepalive, gate: Gate, path: &Path<'_>, report: &mut Report) {
    let severity = match gate {
        Gate::Strict => Severity::Error,
        Gate::Istiod => Severity::Warning,
    };
    for (name, time) in [("time", keepalive.time), ("interval", keepalive.interval)] {
        let Some(Spanned { value, at }) = time else {
            continue;
        };
        if let Some(fault) = fault(value) {
            report.add(severity, Some(at), &path.field(name), fault);
        }
    }
}
