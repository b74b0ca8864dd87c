//! [`Slot`]: a resource of the set.

use std::path::Path;
use std::sync::Arc;

use crate::istio::resource::{DestinationRule, MeshSettings, Resource, Sidecar};

/// A resource, and the file that it is in. Slots are sorted by kind when a set is assembled, so
/// that each is only taken for what it is.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) file: Arc<Path>,
    pub(super) object: Arc<Resource>,
}

impl Slot {
    pub(super) fn rule(&self) -> &DestinationRule {
        match &*self.object {
            Resource::DestinationRule(rule) => rule,
            other => unreachable!("no rule: {other:?}"),
        }
    }

    pub(super) fn sidecar(&self) -> &Sidecar {
        match &*self.object {
            Resource::Sidecar(sidecar) => sidecar,
            other => unreachable!("no Sidecar: {other:?}"),
        }
    }

    /// The settings of a mesh, unless there are none in it.
    pub(super) fn mesh(&self) -> Option<&MeshSettings> {
        match &*self.object {
            Resource::MeshConfig(mesh) => mesh.settings.as_ref().map(|settings| &settings.value),
            other => unreachable!("no MeshConfig: {other:?}"),
        }
    }
}
