//! [`QuirkKind`]: where Istio's selection does what nobody meant, and what would be sane.

use super::policy::RuleId;

/// How rules are selected where Istio's own way looks like a mistake.
///
/// *Sane* differs from *Istio* in these points, each of which a [`Quirk`](crate::istio::Quirk)
/// reports where it makes a difference; in everything else the two are the same.
///
/// 1. A rule without a selector is not swallowed by rules with one. It still lends them its
///    subsets, and its policy where they have none, and stands for all other workloads too.
/// 2. A rule that is exported to more namespaces than an older one of the same host is not
///    swallowed by that. It still lends it its subsets, and its policy where that has none, and
///    stands for its own namespaces too: for those that see both, the newer one holds, as for any
///    two rules with different `exportTo`.
/// 3. `.` and the name of the rule's own namespace in `exportTo` are the same. So a rule of the
///    root namespace that says `.` among others holds there, too.
/// 4. A rule is merged into an older one of the same `exportTo` and selector, and does not stand
///    beside it as well because a third rule came in between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Selection {
    /// As Istio does it, to the letter: the limits are those that the mesh applies. The default.
    #[default]
    Istio,
    /// As Istio's documentation and comments say that it is done.
    Sane,
}

/// In which way Istio's selection differs here from the sane one. See [`Selection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum QuirkKind {
    /// A rule without a selector is swallowed by one with a selector: workloads that this does
    /// not select get no rule.
    SwallowedBySelector,
    /// A rule is swallowed by an older one that is exported to fewer namespaces: the others get
    /// no rule.
    SwallowedByNarrowerExport,
    /// `exportTo` says `.` in one rule and the name of their namespace in the other: they count
    /// as different, and the newer is not merged into the older but holds instead.
    OwnNamespaceByName,
    /// A rule of the root namespace says `.` among others in `exportTo`: it does not hold for
    /// clients there. It is both rules of its quirk.
    HiddenFromRoot,
    /// A rule is merged into an older one, and stands beside it as well: it holds instead.
    MergedAndApart,
}

/// Where it is so, by the numbers of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::istio) struct QuirkOf {
    pub(in crate::istio) kind: QuirkKind,
    /// The newer rule.
    pub(in crate::istio) rule: RuleId,
    /// The older one.
    pub(in crate::istio) other: RuleId,
}
