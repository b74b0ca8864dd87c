//! What every object has: its place in the file, and its metadata.

use std::fmt;
use std::sync::Arc;

use super::{Labels, Spanned, Timestamp};
use crate::istio::path::Path;
use crate::istio::problem::{Position, shorten};

/// The namespace of an object that names none, unless another is said to be meant.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// The annotation of rules that istiod makes itself, out of the objects of the Gateway API.
pub(crate) const MADE_OF: &str = "internal.istio.io/parents";

/// An object's place and metadata. What else metadata holds is Kubernetes' own.
#[derive(Debug)]
pub(crate) struct Meta {
    /// Where the object starts.
    pub(crate) at: Position,
    /// The object's path, empty unless it is an item of a list: `items[3]`.
    pub(crate) item: Option<String>,
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) namespace: Option<Spanned<String>>,
    /// The namespace that is meant where none is named, if that was said.
    pub(crate) meant_namespace: Option<Arc<str>>,
    pub(crate) creation_timestamp: Option<Spanned<Timestamp>>,
    pub(crate) annotations: Option<Spanned<Labels>>,
}

impl Meta {
    /// The path of the object in its document.
    pub(crate) fn path(&self) -> Path<'_> {
        self.item.as_deref().map_or(Path::Root, Path::Given)
    }

    /// The name, empty if there is none.
    pub(crate) fn name(&self) -> &str {
        self.name.as_ref().map_or("", |name| name)
    }

    /// The namespace that it is in, named or not.
    pub(crate) fn namespace(&self) -> &str {
        match (&self.namespace, &self.meant_namespace) {
            (Some(named), _) => named,
            (None, Some(meant)) => meant,
            (None, None) => DEFAULT_NAMESPACE,
        }
    }
}

/// Equal if the metadata is, wherever it stands.
impl PartialEq for Meta {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.namespace == other.namespace
            && self.creation_timestamp == other.creation_timestamp
            && self.annotations == other.annotations
    }
}

/// For messages: `default/user (line 3)`.
impl fmt::Display for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = shorten(self.namespace());
        let name = match &self.name {
            Some(name) => shorten(name),
            None => "(unnamed)".to_owned(),
        };
        write!(f, "{namespace}/{name} (line {})", self.at.line)
    }
}
