//! The nodes of one document.

use std::sync::Arc;

use crate::istio::problem::Position;

/// A document's nodes, in one vector. An alias is the anchored node's own id, so a document that
/// is full of aliases takes no more memory than its text; its reader pays for them all the same
/// (see `weight`).
#[derive(Debug)]
pub(crate) struct Document {
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
    pub(super) duplicates: Vec<Duplicate>,
}

/// How many duplicate keys of a document are kept.
pub(super) const MOST_DUPLICATES: usize = 100;

impl Document {
    pub(crate) fn root(&self) -> NodeId {
        self.root
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Keys that stand twice in one mapping. They are kept apart, since a document that is
    /// skipped may have as many as it likes.
    pub(crate) fn duplicates(&self) -> &[Duplicate] {
        &self.duplicates
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(pub(super) u32);

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) kind: Kind,
    /// How many nodes it stands for, aliases counted as what they stand for.
    pub(super) weight: u32,
    /// How many levels lie in it: 1 for a scalar.
    pub(super) height: u32,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// A scalar and its text as written, without quotes.
    Scalar(Scalar, Box<str>),
    Sequence(Vec<NodeId>),
    Mapping(Vec<Entry>),
}

/// A mapping's key and value. Keys that are numbers or booleans are strings by now.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Arc<str>,
    pub(crate) at: Position,
    pub(crate) value: NodeId,
}

/// What a scalar is once Kubernetes has read it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    String,
}

#[derive(Debug)]
pub(crate) struct Duplicate {
    /// The path of the key, as far as it is known before aliases are followed.
    pub(crate) path: String,
    pub(crate) key: Arc<str>,
    pub(crate) at: Position,
    pub(crate) first: Position,
}
