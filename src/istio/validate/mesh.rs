//! The baseline of the mesh.

use super::outlier::outlier_of_mesh;
use super::pool::{milliseconds, pool_of_mesh};
use crate::istio::path::Path;
use crate::istio::problem::Report;
use crate::istio::resource::{MeshConfig, MeshForm, MeshSettings};

pub(super) fn mesh_config(mesh: &MeshConfig, report: &mut Report) {
    let Some(settings) = &mesh.settings else {
        return;
    };
    let root = mesh.meta.path();
    match mesh.form {
        MeshForm::Plain => mesh_settings(settings, &root, report),
        MeshForm::Object => mesh_settings(settings, &root.field("spec"), report),
        MeshForm::ConfigMap => {
            let data = root.field("data");
            mesh_settings(settings, &data.field("mesh"), report);
        }
    }
}

fn mesh_settings(settings: &MeshSettings, path: &Path<'_>, report: &mut Report) {
    milliseconds(
        &settings.connect_timeout,
        &path.field("connectTimeout"),
        report,
    );
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
