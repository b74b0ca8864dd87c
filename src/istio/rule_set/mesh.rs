//! [`Mesh`]: the mesh's defaults, completed.

use super::Slot;
use crate::istio::resource::GoDuration;

/// The `MeshConfig` of the set, if there is one, and what holds without.
#[derive(Debug)]
pub(in crate::istio) struct Mesh {
    pub(super) slot: Option<Slot>,
    pub(super) root_namespace: String,
    pub(super) private_by_default: bool,
}

impl Mesh {
    pub(in crate::istio) const CONNECT_TIMEOUT: GoDuration = GoDuration(10_000_000_000);
    const ROOT_NAMESPACE: &'static str = "istio-system";

    pub(super) fn new(slot: Option<Slot>) -> Self {
        let settings = slot.as_ref().and_then(Slot::mesh);
        let named = settings.and_then(|settings| settings.root_namespace.as_ref());
        let root = named.filter(|root| !root.is_empty());
        let export = settings.and_then(|it| it.default_destination_rule_export_to.as_ref());
        let private_by_default =
            export.is_some_and(|export| export.iter().any(|to| to.value == "."));
        Self {
            root_namespace: root.map_or(Self::ROOT_NAMESPACE.to_owned(), |root| root.value.clone()),
            private_by_default,
            slot,
        }
    }
}
