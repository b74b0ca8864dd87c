//! The mesh's ConfigMap on the command line.

use meshpool::istio::kube::Kubernetes;

/// Where the settings of a mesh are: `NAMESPACE/NAME`.
#[derive(Clone, Debug)]
pub(crate) struct ConfigMap {
    namespace: String,
    name: String,
}

impl ConfigMap {
    /// Has it followed.
    pub(crate) fn of(self, kubernetes: Kubernetes) -> Kubernetes {
        kubernetes
            .mesh_config(self.name)
            .mesh_config_namespace(self.namespace)
    }
}

pub(crate) fn config_map(text: &str) -> Result<ConfigMap, &'static str> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => Ok(ConfigMap {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }),
        _ => Err("expected NAMESPACE/NAME, such as istio-system/istio"),
    }
}
