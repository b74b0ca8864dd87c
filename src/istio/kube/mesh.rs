//! What is told of a mesh's settings as a whole.

use std::collections::BTreeSet;

use crate::istio::problem::{CLUSTER, shorten};
use crate::istio::rules::Batch;

const MISSING: &str = "there is no such ConfigMap, and Istio's defaults hold until there is; that of \
                       a revision is called `istio-REVISION`, in istiod's namespace";

/// That there are none, and that the root namespace is one of which nothing is known here.
#[derive(Debug)]
pub(super) struct MeshNotes {
    /// What is followed; all, if there is none.
    namespaces: BTreeSet<String>,
    /// The root namespace that was told of.
    not_followed: Option<String>,
}

impl MeshNotes {
    pub(super) fn new(namespaces: BTreeSet<String>) -> Self {
        Self {
            namespaces,
            not_followed: None,
        }
    }

    /// Whether there are settings. A mesh may have none, but it is more likely that they go by
    /// another name.
    pub(super) fn settings(source: String, are_there: bool, batch: &mut Batch) {
        match are_there {
            true => batch.remove(source),
            false => batch.absent(source, MISSING),
        }
    }

    /// Which namespace has the rules that are everybody's.
    pub(super) fn root_namespace(&mut self, root: &str, batch: &mut Batch) {
        let is_followed = self.namespaces.is_empty() || self.namespaces.contains(root);
        let not_followed = (!is_followed).then(|| root.to_owned());
        if self.not_followed == not_followed {
            return;
        }
        if let Some(root) = &self.not_followed {
            batch.remove(source(root));
        }
        if let Some(root) = &not_followed {
            batch.absent(
                source(root),
                format!(
                    "`{}` is the root namespace of the mesh, and is not followed: rules in it have no \
                     effect here; expected it to be named as the root namespace",
                    shorten(root)
                ),
            );
        }
        self.not_followed = not_followed;
    }
}

/// What the rules of a namespace go by as a whole.
fn source(namespace: &str) -> String {
    format!("{CLUSTER}DestinationRule/{namespace}")
}
