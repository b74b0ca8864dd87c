//! [`Slot`]: where a resource of the set is kept.

use std::sync::Arc;

use super::loaded::Loaded;
use crate::istio::resource::{DestinationRule, MeshSettings, Resource, Sidecar};

/// Where a resource is kept: the number of its file, and its number in that. Slots are sorted by
/// kind when a set is assembled, so that each is only taken for what it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) loaded: u32,
    pub(super) resource: u32,
}

impl Slot {
    pub(super) fn file(self, loaded: &[Arc<Loaded>]) -> &Loaded {
        &loaded[self.loaded as usize]
    }

    pub(super) fn object(self, loaded: &[Arc<Loaded>]) -> &Resource {
        &self.file(loaded).resources[self.resource as usize]
    }

    pub(super) fn rule(self, loaded: &[Arc<Loaded>]) -> &DestinationRule {
        match self.object(loaded) {
            Resource::DestinationRule(rule) => rule,
            other => unreachable!("no rule: {other:?}"),
        }
    }

    pub(super) fn sidecar(self, loaded: &[Arc<Loaded>]) -> &Sidecar {
        match self.object(loaded) {
            Resource::Sidecar(sidecar) => sidecar,
            other => unreachable!("no Sidecar: {other:?}"),
        }
    }

    /// The settings of a mesh, unless there are none in it.
    pub(super) fn mesh(self, loaded: &[Arc<Loaded>]) -> Option<&MeshSettings> {
        match self.object(loaded) {
            Resource::MeshConfig(mesh) => mesh.settings.as_ref().map(|settings| &settings.value),
            other => unreachable!("no MeshConfig: {other:?}"),
        }
    }
}
