//! [`Namespaces`]: which namespaces there are, as far as a set tells.

use std::collections::HashSet;

use super::Slot;
use crate::istio::resource::DEFAULT_NAMESPACE;
use crate::istio::select::namespace_of;

/// The namespaces of which something in a set speaks. There may be others.
#[derive(Debug)]
pub(super) struct Namespaces(HashSet<Box<str>>);

impl Namespaces {
    /// Those that objects are in, that rules are for or exported to, and those of every mesh.
    pub(super) fn new(rules: &[Slot], sidecars: &[Slot], root: &str, domain: &str) -> Self {
        let mut known = Self(HashSet::new());
        known.add(DEFAULT_NAMESPACE);
        known.add(root);
        for sidecar in sidecars {
            known.add(sidecar.sidecar().meta.namespace());
        }
        for rule in rules.iter().map(Slot::rule) {
            known.add(rule.meta.namespace());
            if let Some(namespace) = namespace_of(rule.host(), domain) {
                known.add(namespace);
            }
            let export = rule.spec.as_ref().and_then(|spec| spec.export_to.as_ref());
            for to in export.iter().flat_map(|export| export.iter()) {
                known.add(to);
            }
        }
        known
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    fn add(&mut self, name: &str) {
        if !self.has(name) {
            self.0.insert(name.into());
        }
    }
}
