//! Events to the nodes of one document.

use std::collections::{HashMap, HashSet, hash_map};
use std::fmt;
use std::sync::Arc;

use saphyr_parser::{ScalarStyle, Tag};

use super::budget::{MAX_KEY, MAX_LEVELS, NODE_BYTES};
use super::error::SyntaxError;
use super::merge::{Merge, merged};
use super::node::{Document, Duplicate, Entry, Kind, MOST_DUPLICATES, Node, NodeId, Scalar};
use super::scalar;
use crate::istio::problem::{Position, shorten};

/// Up to how many keys a mapping is small.
const SMALL: usize = 16;

/// A collection whose end has not come yet.
#[derive(Debug)]
pub(super) struct Frame {
    at: Position,
    anchor: usize,
    weight: u32,
    height: u32,
    items: Items,
}

#[derive(Debug)]
enum Items {
    Sequence(Vec<NodeId>),
    Mapping {
        entries: Vec<Entry>,
        /// A key that waits for its value.
        key: Option<Key>,
        merges: Vec<Merge>,
    },
}

#[derive(Debug)]
enum Key {
    /// `<<`
    Merge,
    Name(Arc<str>, Position),
}

/// How a node stands where it is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Here,
    /// By a name for it.
    AsAlias,
    /// As `<<`, which merges where it is a key.
    AsMerge,
}

impl Frame {
    fn new(anchor: usize, at: Position, items: Items) -> Self {
        Self {
            at,
            anchor,
            weight: 1,
            height: 0,
            items,
        }
    }

    pub(super) fn sequence(anchor: usize, at: Position) -> Self {
        Self::new(anchor, at, Items::Sequence(Vec::new()))
    }

    pub(super) fn mapping(anchor: usize, at: Position) -> Self {
        let (entries, merges) = (Vec::new(), Vec::new());
        Self::new(
            anchor,
            at,
            Items::Mapping {
                entries,
                key: None,
                merges,
            },
        )
    }

    fn wants_key(&self) -> bool {
        matches!(self.items, Items::Mapping { key: None, .. })
    }
}

/// Builds one document.
#[derive(Debug, Default)]
pub(super) struct Builder {
    nodes: Vec<Node>,
    open: Vec<Frame>,
    anchors: HashMap<usize, NodeId>,
    duplicates: Vec<Duplicate>,
    root: Option<NodeId>,
}

impl Builder {
    pub(super) fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        anchor: usize,
        at: Position,
    ) -> Result<(), SyntaxError> {
        let value = scalar::resolve(text, style, tag);
        let id = self.add(Node {
            at,
            kind: Kind::Scalar(value, text.into()),
            // Whoever keeps a long text that an alias stands for copies it.
            weight: 1 + (text.len() / NODE_BYTES) as u32,
            height: 1,
        });
        self.name(anchor, id);
        let merges = match tag {
            None => style == ScalarStyle::Plain,
            Some(tag) => tag.is_yaml_core_schema() && tag.suffix == "merge",
        };
        let written = match merges && text == "<<" {
            true => Written::AsMerge,
            false => Written::Here,
        };
        self.place(id, at, written)
    }

    pub(super) fn open(&mut self, frame: Frame) -> Result<(), SyntaxError> {
        if self.open.len() as u32 >= MAX_LEVELS {
            return Err(too_deep(frame.at));
        }
        if self.open.last().is_some_and(Frame::wants_key) {
            return Err(SyntaxError::new(
                frame.at,
                "a key must be a plain value, not a collection (a template that was not filled \
                 in looks like this)",
            ));
        }
        self.open.push(frame);
        Ok(())
    }

    pub(super) fn close_sequence(&mut self) -> Result<(), SyntaxError> {
        let Some(Frame {
            at,
            anchor,
            weight,
            height,
            items: Items::Sequence(items),
        }) = self.open.pop()
        else {
            unreachable!("the parser closes what it opened");
        };
        let kind = Kind::Sequence(items);
        self.close(
            anchor,
            Node {
                at,
                kind,
                weight,
                height: height + 1,
            },
        )
    }

    /// Returns how many entries came by merging, which are to be paid.
    pub(super) fn close_mapping(&mut self) -> Result<u32, SyntaxError> {
        let Some(Frame {
            at,
            anchor,
            mut weight,
            height,
            items,
        }) = self.open.pop()
        else {
            unreachable!("the parser closes what it opened");
        };
        let Items::Mapping {
            entries, merges, ..
        } = items
        else {
            unreachable!("the parser closes what it opened");
        };
        let entries = self.without_duplicates(entries);
        let own = entries.len();
        let entries = merged(&self.nodes, entries, &merges)?;
        let brought = entries.len().saturating_sub(own) as u32;
        weight = weight.saturating_add(brought);
        let kind = Kind::Mapping(entries);
        self.close(
            anchor,
            Node {
                at,
                kind,
                weight,
                height: height + 1,
            },
        )?;
        Ok(brought)
    }

    fn close(&mut self, anchor: usize, node: Node) -> Result<(), SyntaxError> {
        let at = node.at;
        let id = self.add(node);
        self.name(anchor, id);
        self.place(id, at, Written::Here)
    }

    pub(super) fn alias(&mut self, anchor: usize, at: Position) -> Result<u32, SyntaxError> {
        let Some(&id) = self.anchors.get(&anchor) else {
            return Err(SyntaxError::new(
                at,
                "this alias stands inside what it stands for, or for something in another \
                 document",
            ));
        };
        let Node { weight, height, .. } = self.nodes[id.0 as usize];
        if self.open.len() as u32 + height > MAX_LEVELS + 1 {
            return Err(too_deep(at));
        }
        self.place(id, at, Written::AsAlias)?;
        Ok(weight)
    }

    pub(super) fn finish(self, at: Position) -> Document {
        let Self {
            mut nodes,
            duplicates,
            root,
            ..
        } = self;
        let root = root.unwrap_or_else(|| {
            let kind = Kind::Scalar(Scalar::Null, "".into());
            nodes.push(Node {
                at,
                kind,
                weight: 1,
                height: 1,
            });
            NodeId(nodes.len() as u32 - 1)
        });
        Document {
            nodes,
            root,
            duplicates,
        }
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        // The budget is far below 2³².
        NodeId(self.nodes.len() as u32 - 1)
    }

    fn name(&mut self, anchor: usize, id: NodeId) {
        // The parser gives 0 to what has no anchor.
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
    }

    /// Puts a finished node where it belongs: in the open collection, or as the root.
    fn place(&mut self, id: NodeId, at: Position, written: Written) -> Result<(), SyntaxError> {
        let Node { weight, height, .. } = self.nodes[id.0 as usize];
        let name = match self.open.last() {
            Some(frame) if frame.wants_key() && written != Written::AsMerge => {
                Some(self.key(id, at)?)
            }
            _ => None,
        };
        let Some(frame) = self.open.last_mut() else {
            self.root = Some(id);
            return Ok(());
        };
        frame.weight = frame.weight.saturating_add(weight);
        frame.height = frame.height.max(height);
        match &mut frame.items {
            Items::Sequence(items) => items.push(id),
            Items::Mapping {
                entries,
                key,
                merges,
            } => match (key.take(), name) {
                (None, Some(name)) => *key = Some(Key::Name(name, at)),
                (None, None) => *key = Some(Key::Merge),
                (Some(Key::Name(key, at)), _) => entries.push(Entry { key, at, value: id }),
                (Some(Key::Merge), _) => merges.push(Merge {
                    value: id,
                    at,
                    is_alias: written == Written::AsAlias,
                    after: entries.len(),
                }),
            },
        }
        Ok(())
    }

    /// A key's text as Kubernetes has it: numbers and booleans become strings.
    fn key(&self, id: NodeId, at: Position) -> Result<Arc<str>, SyntaxError> {
        match &self.nodes[id.0 as usize].kind {
            Kind::Scalar(Scalar::Null, _) => Err(SyntaxError::new(
                at,
                "a key must not be empty or null: name the field",
            )),
            Kind::Scalar(Scalar::Bool(value), _) => Ok(value.to_string().into()),
            Kind::Scalar(Scalar::Int(value), _) => Ok(value.to_string().into()),
            Kind::Scalar(_, text) if text.len() > MAX_KEY => Err(SyntaxError::new(
                at,
                format_args!("a key of more than {MAX_KEY} bytes"),
            )),
            Kind::Scalar(Scalar::Float(_) | Scalar::String, text) => Ok(Arc::from(&**text)),
            Kind::Sequence(_) | Kind::Mapping(_) => Err(SyntaxError::new(
                at,
                "a key must be a plain value, not a collection",
            )),
        }
    }

    /// Notes keys that stand twice, and keeps the first of each.
    fn without_duplicates(&mut self, mut entries: Vec<Entry>) -> Vec<Entry> {
        // Nearly every mapping is small, and then comparing is cheaper than hashing.
        let distinct = if entries.len() <= SMALL {
            (1..entries.len()).all(|i| entries[..i].iter().all(|one| one.key != entries[i].key))
        } else {
            let keys: HashSet<&str> = entries.iter().map(|entry| &*entry.key).collect();
            keys.len() == entries.len()
        };
        if !distinct {
            let mut seen: HashMap<Arc<str>, Position> = HashMap::new();
            entries.retain(|entry| match seen.entry(Arc::clone(&entry.key)) {
                hash_map::Entry::Vacant(place) => {
                    place.insert(entry.at);
                    true
                }
                hash_map::Entry::Occupied(first) => {
                    if self.duplicates.len() < MOST_DUPLICATES {
                        self.duplicates.push(Duplicate {
                            path: path(&self.open, &entry.key),
                            key: Arc::clone(&entry.key),
                            at: entry.at,
                            first: *first.get(),
                        });
                    }
                    false
                }
            });
        }
        entries
    }
}

/// The path of a key in the mapping that lies in the open collections.
fn path(open: &[Frame], key: &str) -> String {
    let mut path = String::new();
    let field = |path: &mut String, name: &str| {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&shorten(name));
    };
    for frame in open {
        match &frame.items {
            Items::Sequence(items) => path.push_str(&format!("[{}]", items.len())),
            Items::Mapping {
                key: Some(Key::Name(name, _)),
                ..
            } => field(&mut path, name),
            Items::Mapping { .. } => {}
        }
    }
    field(&mut path, key);
    path
}

pub(super) fn too_deep(at: Position) -> SyntaxError {
    SyntaxError::new(
        at,
        format_args!("more than {MAX_LEVELS} levels inside each other"),
    )
}

/// Shows a key that stands twice.
impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the key `{}` stands twice in one mapping, first at {}: keep one",
            shorten(&self.key),
            self.first
        )
    }
}
