//! What is watched, and an object of it as a document.

use kube::api::{Api, DynamicObject, TypeMeta};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::watcher::Config;
use kube::{Client, ResourceExt};

use crate::istio::decode::Role;
use crate::istio::problem::CLUSTER;

/// What `kubectl apply` leaves behind: the object once more, as text.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A kind of objects, in one namespace or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) kind: Kind,
    /// All, if there is none.
    pub(super) namespace: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    DestinationRule,
    Sidecar,
    /// The ConfigMap of this name.
    MeshConfig(String),
}

impl Kind {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::DestinationRule => "DestinationRule",
            Self::Sidecar => "Sidecar",
            Self::MeshConfig(_) => "ConfigMap",
        }
    }

    /// What its objects are read for: a ConfigMap that is named is the mesh's, whatever its name.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::DestinationRule | Self::Sidecar => Role::Objects,
            Self::MeshConfig(_) => Role::Mesh,
        }
    }

    /// That the server has no version of it, in words.
    pub(super) fn is_not_served(&self) -> String {
        let kind = self.name();
        match self {
            Self::MeshConfig(_) => format!("the API server knows no {kind}"),
            _ => format!("the API server knows no {kind}: are Istio's CRDs installed?"),
        }
    }

    fn plural(&self) -> &'static str {
        match self {
            Self::DestinationRule => "destinationrules",
            Self::Sidecar => "sidecars",
            Self::MeshConfig(_) => "configmaps",
        }
    }

    fn group(&self) -> &'static str {
        match self {
            Self::DestinationRule | Self::Sidecar => "networking.istio.io",
            Self::MeshConfig(_) => "",
        }
    }

    /// In the order in which they are tried. Where several are served they say the same.
    pub(super) fn versions(&self) -> &'static [&'static str] {
        match self {
            Self::DestinationRule | Self::Sidecar => &["v1", "v1beta1", "v1alpha3"],
            Self::MeshConfig(_) => &["v1"],
        }
    }
}

impl Resource {
    pub(super) fn api_resource(&self, version: &str) -> ApiResource {
        let kind = GroupVersionKind::gvk(self.kind.group(), version, self.kind.name());
        ApiResource::from_gvk_with_plural(&kind, self.kind.plural())
    }

    pub(super) fn api(&self, client: &Client, resource: &ApiResource) -> Api<DynamicObject> {
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
            None => Api::all_with(client.clone(), resource),
        }
    }

    pub(super) fn config(&self) -> Config {
        match &self.kind {
            // So that a role that allows this name alone is enough.
            Kind::MeshConfig(name) => Config::default().fields(&format!("metadata.name={name}")),
            _ => Config::default(),
        }
    }

    /// What all of its objects go by, when something is the matter with the whole.
    pub(super) fn source(&self) -> String {
        let namespace = self.namespace.as_deref().unwrap_or("*");
        match &self.kind {
            Kind::MeshConfig(name) => format!("{CLUSTER}ConfigMap/{namespace}/{name} (watch)"),
            kind => format!("{CLUSTER}{}/{namespace}", kind.name()),
        }
    }

    /// What one object goes by.
    pub(super) fn source_of(&self, object: &DynamicObject) -> String {
        let namespace = object.namespace().unwrap_or_default();
        format!(
            "{CLUSTER}{}/{namespace}/{}",
            self.kind.name(),
            object.name_any()
        )
    }
}

/// Adds to an object what a list leaves out, and takes from it what only Kubernetes needs.
pub(super) fn prepare(object: &mut DynamicObject, resource: &ApiResource) {
    object.types.get_or_insert_with(|| TypeMeta {
        api_version: resource.api_version.clone(),
        kind: resource.kind.clone(),
    });
    object.metadata.managed_fields = None;
    if let Some(annotations) = &mut object.metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
}
