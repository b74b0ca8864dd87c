//! What a set tells of its objects: [`ObjectRef`], and of rules between which Istio's selection is
//! odd, [`Quirk`].

use std::fmt;
use std::path::Path;

use super::RuleSet;
use super::slot::Slot;
use crate::istio::problem::{Position, shorten};
use crate::istio::resource::{Meta, Resource};
use crate::istio::select::{QuirkKind, QuirkOf, RuleId};

/// An object of a set: a `DestinationRule`, a `Sidecar`, or the `MeshConfig`. Printed, it is its
/// namespace and name: `default/reviews`.
#[derive(Clone, Copy)]
pub struct ObjectRef<'a> {
    file: &'a Path,
    object: &'a Resource,
}

impl<'a> ObjectRef<'a> {
    pub(super) fn new(slot: &'a Slot) -> Self {
        Self {
            file: &slot.file,
            object: &slot.object,
        }
    }

    /// Its kind.
    pub fn kind(&self) -> &'static str {
        self.object.kind()
    }

    /// Its namespace: `default` if it names none.
    pub fn namespace(&self) -> &'a str {
        self.meta().namespace()
    }

    /// Its name, empty if it has none.
    pub fn name(&self) -> &'a str {
        self.meta().name()
    }

    /// The file that it is in, as it was named when it was read.
    pub fn file(&self) -> &'a Path {
        self.file
    }

    /// Where in the file it begins.
    pub fn position(&self) -> Position {
        self.meta().at
    }

    pub(in crate::istio) fn object(&self) -> &'a Resource {
        self.object
    }

    pub(in crate::istio) fn meta(&self) -> &'a Meta {
        self.object.meta()
    }
}

impl fmt::Display for ObjectRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", shorten(self.namespace()), shorten(self.name()))
    }
}

impl fmt::Debug for ObjectRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {self}", self.kind())
    }
}

/// Two rules between which Istio's selection does what was probably not meant. Printed, it is a
/// sentence.
#[derive(Clone, Copy, Debug)]
pub struct Quirk<'a> {
    kind: QuirkKind,
    rule: ObjectRef<'a>,
    other: ObjectRef<'a>,
}

impl<'a> Quirk<'a> {
    /// In which way.
    pub fn kind(&self) -> QuirkKind {
        self.kind
    }

    /// The rule that comes later in the order of rules.
    pub fn rule(&self) -> ObjectRef<'a> {
        self.rule
    }

    /// The one that comes earlier.
    pub fn other(&self) -> ObjectRef<'a> {
        self.other
    }
}

impl fmt::Display for Quirk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, other, .. } = self;
        match self.kind {
            QuirkKind::SwallowedBySelector => write!(
                f,
                "{rule} becomes part of {other}, which has a workloadSelector: as Istio merges \
                 them, workloads that it does not select get no rule at all; leave out \
                 `exportTo: [.]`"
            ),
            QuirkKind::SwallowedByNarrowerExport => write!(
                f,
                "{rule} becomes part of {other}, which is exported to fewer namespaces: as Istio \
                 merges them, the others get no rule at all; give both the same exportTo"
            ),
            QuirkKind::OwnNamespaceByName => write!(
                f,
                "{rule} and {other} are exported to their own namespace, one of them as `.` and \
                 the other by name: Istio takes that for different, and {rule} is not merged into \
                 the older one but holds instead; write exportTo alike in both"
            ),
            QuirkKind::HiddenFromRoot => write!(
                f,
                "{rule} is exported to `.` among others, and its namespace is the root namespace: \
                 Istio does not take that for the namespace of clients there, and gives them no \
                 rule; write out the namespace"
            ),
            QuirkKind::MergedAndApart => write!(
                f,
                "{rule} is merged into {other} and stands beside it as well, since a rule with \
                 another exportTo or workloadSelector lies between them: in Istio it then holds \
                 instead of the older one"
            ),
        }
    }
}

impl RuleSet {
    pub(in crate::istio) fn rule_ref(&self, rule: RuleId) -> ObjectRef<'_> {
        ObjectRef::new(&self.rules[rule.0 as usize])
    }

    pub(in crate::istio) fn quirk(&self, quirk: QuirkOf) -> Quirk<'_> {
        Quirk {
            kind: quirk.kind,
            rule: self.rule_ref(quirk.rule),
            other: self.rule_ref(quirk.other),
        }
    }
}
