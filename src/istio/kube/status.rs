//! What became of what is followed.

use super::resource::Resource;

/// How it stands with one kind of objects in one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatchStatus {
    /// The kind of the objects: `DestinationRule`, `Sidecar` or `ConfigMap`.
    pub kind: String,
    /// Their namespace; all, if there is none.
    pub namespace: Option<String>,
    /// How often they were listed in full: once in the beginning, and after each failure.
    pub lists: u64,
    /// How often something failed.
    pub failures: u64,
    /// What failed, if it still does: until all was listed and the watch has told of a change, or
    /// stood for a second. What was in force before stays in force.
    pub error: Option<String>,
}

impl WatchStatus {
    pub(super) fn new(resource: &Resource) -> Self {
        Self {
            kind: resource.kind.name().to_owned(),
            namespace: resource.namespace.clone(),
            ..Self::default()
        }
    }

    /// Whether anything came of it yet: a list, or a failure.
    pub(super) fn is_settled(&self) -> bool {
        self.lists + self.failures > 0
    }

    pub(super) fn listed(&mut self) {
        self.lists += 1;
    }

    pub(super) fn recovered(&mut self) {
        self.error = None;
    }

    pub(super) fn failed(&mut self, why: String) {
        self.failures += 1;
        self.error = Some(why);
    }
}
