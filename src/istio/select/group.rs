//! [`Group`]: all rules of one namespace for the same host.

use std::sync::Arc;

use super::entry::{Entry, Incoming};
use super::labels::Selector;
use super::quirk::{QuirkKind, QuirkOf, Selection};
use super::visibility::Visibility;

/// The rules for one host, merged as far as they are, in order.
#[derive(Debug, Default)]
pub(in crate::istio) struct Group {
    pub(in crate::istio) entries: Vec<Entry>,
    pub(in crate::istio) quirks: Vec<QuirkOf>,
}

/// For whom a rule is. Rules for the same share the same: they are compared as pointers.
#[derive(Clone, Debug)]
pub(super) struct Audience {
    pub(super) visibility: Arc<Visibility>,
    /// The same with `.` for the rule's namespace.
    pub(super) spelled_out: Arc<Visibility>,
    pub(super) selector: Option<Arc<Selector>>,
}

impl Audience {
    fn same_workloads(&self, other: &Self) -> bool {
        match (&self.selector, &other.selector) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }

    fn other_workloads(&self, other: &Self) -> bool {
        self.selector.is_some() && other.selector.is_some() && !self.same_workloads(other)
    }

    fn same_visibility(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.visibility, &other.visibility)
    }

    fn fits(&self, other: &Self) -> bool {
        covers(&self.visibility, &other.visibility)
    }

    /// Whether it fits the other but for how their own namespace is written.
    fn is_meant_to_fit(&self, other: &Self) -> bool {
        covers(&self.spelled_out, &other.spelled_out)
    }
}

/// Whether one is the other, or has all namespaces that it names and more.
fn covers(one: &Arc<Visibility>, other: &Arc<Visibility>) -> bool {
    Arc::ptr_eq(one, other) || !other.is_empty() && one.covers(other)
}

impl Group {
    /// Adds a rule, after all that stand before it in the order of rules.
    pub(super) fn add(&mut self, rule: &Incoming<'_>, audience: Audience, selection: Selection) {
        let mut stands = true;
        let mut merged_into = None;
        let mut part_of = None;
        for entry in &mut self.entries {
            let there = &entry.audience;
            if audience.other_workloads(there) {
                stands = true;
                continue;
            }
            if !audience.fits(there) {
                stands = true;
                if audience.is_meant_to_fit(there) {
                    self.quirks.push(QuirkOf {
                        kind: QuirkKind::OwnNamespaceByName,
                        rule: rule.id,
                        other: entry.from[0],
                    });
                }
                continue;
            }
            let same_visibility = audience.same_visibility(there);
            let same_workloads = audience.same_workloads(there);
            if same_visibility && same_workloads {
                part_of = Some(entry.from[0]);
            }
            // Istio's condition, of which the last entry's answer counts. It takes one to be
            // enough where both are needed.
            stands = !(same_visibility || same_workloads);
            merged_into = Some((entry.from[0], same_visibility));
            entry.merge(rule);
        }
        if selection == Selection::Sane {
            stands = part_of.is_none();
        }
        let quirk = match (stands, part_of, merged_into) {
            (true, Some(other), _) => Some((QuirkKind::MergedAndApart, other)),
            (false, None, Some((other, true))) => Some((QuirkKind::SwallowedBySelector, other)),
            (false, None, Some((other, false))) => {
                Some((QuirkKind::SwallowedByNarrowerExport, other))
            }
            _ => None,
        };
        self.quirks.extend(quirk.map(|(kind, other)| QuirkOf {
            kind,
            rule: rule.id,
            other,
        }));
        if stands {
            self.entries.push(Entry::new(rule, audience));
        }
    }
}
