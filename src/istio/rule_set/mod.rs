//! [`RuleSet`]: all rules of a mesh, or some, and what applies to whom.

mod assemble;
mod builder;
mod contents;
mod files;
mod found;
mod lint;
mod loaded;
mod mesh;
mod namespaces;
mod query;
mod reference;
mod resolve;
mod slot;

use std::path::Path;
use std::sync::Arc;

pub use self::builder::RuleSetBuilder;
#[cfg(feature = "watch")]
pub(in crate::istio) use self::files::{MOST_BYTES, is_rule_file, too_much};
pub(in crate::istio) use self::loaded::Loaded;
pub(in crate::istio) use self::mesh::Mesh;
use self::namespaces::Namespaces;
pub use self::query::{Client, Query, Service};
pub use self::reference::{ObjectRef, Quirk};
use self::slot::Slot;
use super::gate::Gate;
use super::problem::Problem;
use super::resource::Resource;
use super::select::{Index, Selection, Sidecars};
use super::settings::Settings;

/// Rules, Sidecars and the defaults of the mesh, in an index: which settings apply to whom.
///
/// It never changes; for one that follows its files see `Rules`. To ask it takes well under a
/// microsecond, however many rules there are.
///
/// ```
/// use meshpool::istio::{Client, OnFull, Query, RuleSet, Service};
///
/// let rules = RuleSet::builder()
///     .document(
///         "reviews.yaml",
///         "apiVersion: networking.istio.io/v1
/// kind: DestinationRule
/// metadata: {name: reviews, namespace: default}
/// spec:
///   host: reviews
///   trafficPolicy:
///     connectionPool:
///       http: {http2MaxRequests: 10}
/// ",
///     )
///     .build();
/// assert!(rules.is_valid());
///
/// let reviews = Service::new("reviews.default.svc.cluster.local").port(9080);
/// let query = Query::outbound(reviews).client(Client::new("web"));
/// let settings = rules.settings(&query);
/// assert_eq!(settings.thresholds().max_requests, 10);
/// assert_eq!(settings.limits(OnFull::Refuse).max_requests, Some(10));
/// ```
///
/// # Objects of the same name
///
/// Two of the same kind, namespace and name are an error, as there can't be two in a cluster: the
/// one that is loaded first counts. Files count in the order in which they are given, those of a
/// directory in the order of their names; one that is given twice is read once. Nothing else depends on the order: rules are sorted by
/// the time of their creation, and where that is the same or not said, by name.
#[derive(Debug)]
pub struct RuleSet {
    /// In the order of rules.
    rules: Vec<Slot>,
    /// From the oldest on.
    sidecars: Vec<Slot>,
    mesh: Mesh,
    namespaces: Namespaces,
    cluster_domain: String,
    index: Index,
    sidecar_index: Sidecars,
    problems: Vec<Problem>,
    is_valid: bool,
}

/// How a set is made, beside what of.
#[derive(Clone, Debug)]
pub(in crate::istio) struct Options {
    pub(in crate::istio) gate: Gate,
    pub(in crate::istio) selection: Selection,
    pub(in crate::istio) cluster_domain: String,
    /// That of objects that name none, unless it is the usual one.
    pub(in crate::istio) default_namespace: Option<Arc<str>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            gate: Gate::default(),
            selection: Selection::default(),
            cluster_domain: "cluster.local".to_owned(),
            default_namespace: None,
        }
    }
}

impl RuleSet {
    /// Begins a set.
    pub fn builder() -> RuleSetBuilder {
        RuleSetBuilder::default()
    }

    /// A set of one rule, which is valid; or of none.
    pub(in crate::istio) fn of_only(file: &Path, rule: Option<Resource>) -> Self {
        let loaded = rule.map(|rule| Arc::new(Loaded::one(file, rule)));
        Self::assemble(loaded.into_iter().collect(), &Options::default(), None)
    }

    /// What was found in the files, each file's in its order, and then what is between files.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether no file had an error and no object is there twice.
    pub fn is_valid(&self) -> bool {
        self.is_valid
    }

    /// The rules that count, in the order in which Istio considers them: those with a workload
    /// selector first, older ones before newer ones.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = ObjectRef<'_>> {
        self.rules.iter().map(ObjectRef::new)
    }

    /// Whether anything in it speaks of a namespace of this name.
    pub(in crate::istio) fn knows_namespace(&self, name: &str) -> bool {
        self.namespaces.has(name)
    }

    /// The namespace whose rules hold where none of a client's or a service's own do.
    pub(in crate::istio) fn root_namespace(&self) -> &str {
        &self.mesh.root_namespace
    }

    /// Where Istio's selection does what was probably not meant, by [`Selection`]. Of a set with
    /// [`Selection::Sane`] none.
    pub fn quirks(&self) -> Vec<Quirk<'_>> {
        let quirks = self.index.quirks().into_iter();
        quirks.map(|quirk| self.quirk(quirk)).collect()
    }

    /// What applies to these requests, and why.
    pub fn settings<'a>(&'a self, query: &'a Query) -> Settings<'a> {
        self.resolve(query)
    }
}
