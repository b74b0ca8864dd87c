//! [`Entry`]: what several rules for the same host come to.

use std::collections::HashMap;
use std::sync::Arc;

use super::group::Audience;
use super::labels::Selector;
use super::policy::{Policy, RuleId};

/// What selection needs to know of a rule.
#[derive(Debug)]
pub(in crate::istio) struct Incoming<'a> {
    pub(in crate::istio) id: RuleId,
    pub(in crate::istio) namespace: &'a str,
    /// The full host, as [`resolve`](super::resolve) gives it.
    pub(in crate::istio) host: Box<str>,
    /// `exportTo`; what a rule with a selector says is not looked at.
    pub(in crate::istio) export_to: Vec<&'a str>,
    pub(in crate::istio) selector: Option<Selector>,
    /// Whether Istio made it from the Gateway API.
    pub(in crate::istio) made: bool,
    pub(in crate::istio) policy: Option<Arc<Policy>>,
    pub(in crate::istio) subsets: Vec<Named<'a>>,
}

/// A subset of a rule: its name, its number in the rule, and its policy.
#[derive(Debug)]
pub(in crate::istio) struct Named<'a> {
    pub(in crate::istio) name: &'a str,
    pub(in crate::istio) index: u32,
    pub(in crate::istio) policy: Option<Arc<Policy>>,
}

/// A rule, and those that were merged into it.
#[derive(Debug)]
pub(in crate::istio) struct Entry {
    /// The rule whose identity it has, and then those merged into it, in order.
    pub(in crate::istio) from: Vec<RuleId>,
    pub(in crate::istio) policy: Option<Arc<Policy>>,
    pub(in crate::istio) subsets: Subsets,
    /// Policies of merged rules that are not used: there was one already.
    pub(in crate::istio) unused_policies: Vec<Arc<Policy>>,
    pub(super) audience: Audience,
    made: bool,
}

/// The subsets of an entry, in their order.
#[derive(Debug, Default)]
pub(in crate::istio) struct Subsets {
    entries: Vec<Subset>,
    by_name: HashMap<Box<str>, u32>,
    /// Those whose name was taken.
    pub(in crate::istio) unused: Vec<Subset>,
}

/// Where a subset stands, and its policy.
#[derive(Clone, Debug)]
pub(in crate::istio) struct Subset {
    pub(in crate::istio) rule: RuleId,
    pub(in crate::istio) index: u32,
    pub(in crate::istio) policy: Option<Arc<Policy>>,
}

impl Entry {
    pub(super) fn new(rule: &Incoming<'_>, audience: Audience) -> Self {
        let mut subsets = Subsets::default();
        subsets.append(rule);
        Self {
            from: vec![rule.id],
            policy: rule.policy.clone(),
            subsets,
            unused_policies: Vec::new(),
            audience,
            made: rule.made,
        }
    }

    /// The workloads that it is for, if not for all.
    pub(in crate::istio) fn selector(&self) -> Option<&Selector> {
        self.audience.selector.as_deref()
    }

    /// Adds what the entry lacks: subsets of other names, and a policy where there is none. Of a
    /// user's rule and one made from the Gateway API the user's blocks hold, and the other's fill
    /// the gaps.
    pub(super) fn merge(&mut self, rule: &Incoming<'_>) {
        self.from.push(rule.id);
        self.subsets.append(rule);
        let Some(incoming) = &rule.policy else {
            return;
        };
        let Some(present) = &self.policy else {
            self.policy = Some(Arc::clone(incoming));
            return;
        };
        self.policy = Some(match (self.made, rule.made) {
            (false, true) => Arc::new(present.over(incoming)),
            (true, false) => Arc::new(incoming.over(present)),
            _ => {
                self.unused_policies.push(Arc::clone(incoming));
                return;
            }
        });
    }
}

impl Subsets {
    /// Appends a rule's subsets; those whose name another rule has taken are put aside.
    fn append(&mut self, rule: &Incoming<'_>) {
        let before = self.entries.len() as u32;
        for named in &rule.subsets {
            let subset = Subset {
                rule: rule.id,
                index: named.index,
                policy: named.policy.clone(),
            };
            let next = self.entries.len() as u32;
            match self.by_name.get(named.name) {
                Some(taken) if *taken < before => self.unused.push(subset),
                Some(_) => self.entries.push(subset),
                None => {
                    self.by_name.insert(named.name.into(), next);
                    self.entries.push(subset);
                }
            }
        }
    }

    pub(in crate::istio) fn find(&self, name: &str) -> Option<&Subset> {
        let index = *self.by_name.get(name)?;
        Some(&self.entries[index as usize])
    }

    pub(in crate::istio) fn iter(&self) -> impl Iterator<Item = &Subset> {
        self.entries.iter()
    }
}
