//! [`EntryRef`]: a rule as it is after merging.

use std::fmt;

use crate::istio::rule_set::{ObjectRef, RuleSet};
use crate::istio::select::Entry;

/// A rule, and those that were merged into it. Printed, it is their namespaces and names:
/// `default/old+default/new`.
#[derive(Clone, Copy)]
pub struct EntryRef<'a> {
    rules: &'a RuleSet,
    entry: &'a Entry,
}

impl<'a> EntryRef<'a> {
    pub(super) fn new(rules: &'a RuleSet, entry: &'a Entry) -> Self {
        Self { rules, entry }
    }

    /// The rules: first the one whose selector and `exportTo` hold, then those merged into it.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = ObjectRef<'a>> {
        let Self { rules, entry } = *self;
        entry.from.iter().map(move |rule| rules.rule_ref(*rule))
    }
}

impl fmt::Display for EntryRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rule) in self.rules().enumerate() {
            if index > 0 {
                f.write_str("+")?;
            }
            rule.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for EntryRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryRef({self})")
    }
}
