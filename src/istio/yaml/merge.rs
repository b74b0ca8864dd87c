//! Merge keys: what `<<` brings into a mapping.

use std::collections::HashMap;
use std::collections::hash_map;
use std::sync::Arc;

use super::error::SyntaxError;
use super::node::{Entry, Kind, Node, NodeId};
use crate::istio::problem::Position;

/// A `<<` in a mapping.
#[derive(Debug)]
pub(super) struct Merge {
    /// Its value.
    pub(super) value: NodeId,
    /// Where the value stands.
    pub(super) at: Position,
    /// Whether the value is an alias.
    pub(super) is_alias: bool,
    /// How many entries of the mapping stand before it, those of keys that stand twice among them:
    /// such a document is refused, if it is read at all.
    pub(super) after: usize,
}

/// The entries of a mapping with what merges bring, as the YAML library of Kubernetes has it, which
/// is not what YAML says of `<<`: key by key the last in the text wins, a merge like any other, and
/// within the list of one merge the first.
pub(super) fn merged(
    nodes: &[Node],
    own: Vec<Entry>,
    merges: &[Merge],
) -> Result<Vec<Entry>, SyntaxError> {
    if merges.is_empty() {
        return Ok(own);
    }
    let mut all = Merged::default();
    let mut before = 0;
    let mut own = own.into_iter();
    for merge in merges {
        own.by_ref()
            .take(merge.after - before)
            .for_each(|entry| all.put(entry));
        before = merge.after;
        for source in merge.sources(nodes).iter().rev() {
            let Kind::Mapping(source) = &nodes[source.0 as usize].kind else {
                return Err(merge.refused());
            };
            source.iter().for_each(|entry| all.put(entry.clone()));
        }
    }
    own.for_each(|entry| all.put(entry));
    Ok(all.entries)
}

impl Merge {
    fn sources<'a>(&'a self, nodes: &'a [Node]) -> &'a [NodeId] {
        match &nodes[self.value.0 as usize].kind {
            Kind::Sequence(items) if !self.is_alias => items,
            _ => std::slice::from_ref(&self.value),
        }
    }

    fn refused(&self) -> SyntaxError {
        SyntaxError::new(
            self.at,
            "<< takes a mapping, an alias of one, or a list of these",
        )
    }
}

/// Entries, each key once.
#[derive(Default)]
struct Merged {
    entries: Vec<Entry>,
    places: HashMap<Arc<str>, usize>,
}

impl Merged {
    fn put(&mut self, entry: Entry) {
        match self.places.entry(Arc::clone(&entry.key)) {
            hash_map::Entry::Vacant(place) => {
                place.insert(self.entries.len());
                self.entries.push(entry);
            }
            hash_map::Entry::Occupied(place) => self.entries[*place.get()] = entry,
        }
    }
}
