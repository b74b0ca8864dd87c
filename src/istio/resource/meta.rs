//! What every object has: its place in the file, and its metadata.

use std::fmt;

use super::{Labels, Spanned, Timestamp};
use crate::istio::path::Path;
use crate::istio::problem::{Position, shorten};

/// An object's place and metadata. What else metadata holds is Kubernetes' own.
#[derive(Debug)]
pub(crate) struct Meta {
    /// Where the object starts.
    pub(crate) at: Position,
    /// The object's path, empty unless it is an item of a list: `items[3]`.
    pub(crate) item: Option<String>,
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) namespace: Option<Spanned<String>>,
    pub(crate) creation_timestamp: Option<Spanned<Timestamp>>,
    pub(crate) annotations: Option<Spanned<Labels>>,
}

impl Meta {
    /// The path of the object in its document.
    pub(crate) fn path(&self) -> Path<'_> {
        self.item.as_deref().map_or(Path::Root, Path::Given)
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
        let text = |field: &Option<Spanned<String>>, otherwise: &str| {
            field
                .as_ref()
                .map_or_else(|| otherwise.to_owned(), |field| shorten(field))
        };
        let namespace = text(&self.namespace, "default");
        let name = text(&self.name, "(unnamed)");
        write!(f, "{namespace}/{name} (line {})", self.at.line)
    }
}
