//! [`Found`]: which of the objects that were loaded count.

use std::cell::OnceCell;
use std::collections::{HashMap, hash_map};
use std::path::Path;
use std::sync::Arc;

use super::loaded::Loaded;
use super::{RuleSet, Slot};
use crate::istio::problem::{Problem, Report, has_lines};
use crate::istio::resource::Resource;

/// The objects that count, in the order of loading.
#[derive(Default)]
pub(super) struct Found {
    pub(super) rules: Vec<Slot>,
    pub(super) sidecars: Vec<Slot>,
    pub(super) mesh: Option<Slot>,
    /// That some are there twice.
    pub(super) duplicates: Vec<Problem>,
}

/// What there may be one of: its kind, namespace and name.
type Key<'a> = (&'static str, &'a str, &'a str);

fn key(object: &Resource) -> Key<'_> {
    let meta = object.meta();
    let (namespace, name) = match object {
        Resource::DestinationRule(_) | Resource::Sidecar(_) => (meta.namespace(), meta.name()),
        // There is one in a mesh, whatever it is called.
        Resource::MeshConfig(_) => ("", ""),
    };
    (object.kind(), namespace, name)
}

impl Found {
    pub(super) fn new(loaded: &[Arc<Loaded>], former: Option<&RuleSet>) -> Self {
        // Those that do not count, and where the one is that does in the end.
        let mut others: Vec<(usize, Slot)> = Vec::new();
        let mut slots: Vec<Slot> = Vec::new();
        let mut places: HashMap<Key<'_>, usize> = HashMap::new();
        // Nearly always there are none.
        let owners = OnceCell::new();
        for file in loaded {
            for object in &file.resources {
                let slot = Slot {
                    file: Arc::clone(&file.file),
                    object: Arc::clone(object),
                };
                match places.entry(key(object)) {
                    hash_map::Entry::Vacant(place) => {
                        place.insert(slots.len());
                        slots.push(slot);
                    }
                    hash_map::Entry::Occupied(place) => {
                        let index = *place.get();
                        let there = &mut slots[index];
                        let owners = owners.get_or_init(|| owners_in(former));
                        let owner = owners.get(place.key());
                        let is_owner = |slot: &Slot| owner == Some(&&*slot.file);
                        let other = match is_owner(&slot) && !is_owner(there) {
                            true => std::mem::replace(there, slot),
                            false => slot,
                        };
                        others.push((index, other));
                    }
                }
            }
        }
        let duplicates = others.iter();
        let duplicates = duplicates.map(|(index, other)| duplicate(&slots[*index], other));
        let mut found = Self {
            duplicates: duplicates.collect(),
            ..Self::default()
        };
        for slot in slots {
            match &*slot.object {
                Resource::DestinationRule(_) => found.rules.push(slot),
                Resource::Sidecar(_) => found.sidecars.push(slot),
                Resource::MeshConfig(_) => found.mesh = Some(slot),
            }
        }
        found
    }
}

/// Whose object it was that counted.
fn owners_in(former: Option<&RuleSet>) -> HashMap<Key<'_>, &Path> {
    let slots = former.into_iter().flat_map(|former| {
        let objects = former.rules.iter().chain(&former.sidecars);
        objects.chain(&former.mesh.slot)
    });
    slots.map(|slot| (key(&slot.object), &*slot.file)).collect()
}

/// That an object does not count, as another one does.
fn duplicate(counts: &Slot, other: &Slot) -> Problem {
    let mut place = counts.file.display().to_string();
    if has_lines(&counts.file) {
        place.push_str(&format!(", line {},", counts.object.meta().at.line));
    }
    let meta = other.object.meta();
    let mut report = Report::new(&other.file);
    match &*other.object {
        Resource::MeshConfig(_) => report.error(
            meta.at,
            &meta.path(),
            format_args!("a second MeshConfig: the one in {place} is in force; a mesh has one"),
        ),
        Resource::DestinationRule(_) | Resource::Sidecar(_) => report.error(
            meta.at,
            &meta.path(),
            format_args!(
                "a second {} {}/{}: the one in {place} is in force; give this one another name, or \
                 remove it",
                other.object.kind(),
                meta.namespace(),
                meta.name(),
            ),
        ),
    }
    report.into_problems().remove(0)
}
