//! From what was loaded to the set: which objects count, in order, and the index.

use std::sync::Arc;

use super::found::Found;
use super::lint::{completed, half_qualified};
use super::loaded::Loaded;
use super::mesh::Mesh;
use super::namespaces::Namespaces;
use super::{Options, RuleSet, Slot};
use crate::istio::problem::{Problem, bounded};
use crate::istio::resource::{
    ConnectionPool, DestinationRule, MADE_OF, PortPolicy, Spanned, TrafficPolicy, WorkloadSelector,
};
use crate::istio::select::{
    Age, Incoming, Index, Level, Named, Place, Policy, PortEntry, Ports, RuleId, Selector,
    SidecarId, Sidecars, Terms, resolve,
};
use crate::istio::translate::{Pool, RetryBudget};

/// How many problems of a severity a set keeps, of all its files.
const MOST: usize = 10_000;

impl RuleSet {
    /// Makes a set of files that were read. Of objects that are there twice that counts which counted
    /// in the former set, and else the first.
    pub(in crate::istio) fn assemble(
        loaded: Vec<Arc<Loaded>>,
        options: &Options,
        former: Option<&Self>,
    ) -> Self {
        let mut found = Found::new(&loaded, former);
        let is_valid = found.duplicates.is_empty() && loaded.iter().all(|file| file.is_valid);
        let mut between = found.duplicates;
        let mesh = Mesh::new(found.mesh);
        let domain = &*options.cluster_domain;
        let namespaces =
            Namespaces::new(&found.rules, &found.sidecars, &mesh.root_namespace, domain);
        between.extend(half_qualified(&found.rules, |host| {
            completed(host, domain, |name| namespaces.has(name))
        }));
        let problems = collect(&loaded, between);
        found.rules.sort_by(|one, other| {
            let key = |slot: &'_ Slot| selector_of(slot.rule()).is_none();
            let age = |slot| Age::of(&Slot::rule(slot).meta);
            (key(one), age(one)).cmp(&(key(other), age(other)))
        });
        found.sidecars.sort_by(|one, other| {
            Age::of(&one.sidecar().meta).cmp(&Age::of(&other.sidecar().meta))
        });
        let rules = (0..).map(RuleId).zip(&found.rules);
        let incoming = rules.map(|(id, slot)| incoming(id, slot.rule(), domain));
        let terms = Terms {
            root_namespace: &mesh.root_namespace,
            cluster_domain: domain,
            private_by_default: mesh.private_by_default,
            selection: options.selection,
        };
        let index = Index::new(incoming, terms);
        let sidecars = (0..).map(SidecarId).zip(&found.sidecars);
        let sidecars = sidecars.map(|(id, slot)| {
            let sidecar = slot.sidecar();
            let spec = sidecar.spec.as_ref();
            let selector = spec.and_then(|spec| spec.workload_selector.as_ref());
            (id, sidecar.meta.namespace(), selector.map(selector_from))
        });
        let sidecar_index = Sidecars::new(sidecars, &mesh.root_namespace);
        Self {
            rules: found.rules,
            sidecars: found.sidecars,
            mesh,
            namespaces,
            cluster_domain: options.cluster_domain.clone(),
            index,
            sidecar_index,
            problems,
            is_valid,
        }
    }
}

/// The problems of all files, and then the others; bounded.
fn collect(loaded: &[Arc<Loaded>], others: Vec<Problem>) -> Vec<Problem> {
    let of_files = loaded.iter().flat_map(|file| file.problems.iter().cloned());
    bounded(of_files.chain(others), MOST)
}

fn incoming<'a>(id: RuleId, rule: &'a DestinationRule, domain: &str) -> Incoming<'a> {
    let spec = rule.spec.as_ref();
    let namespace = rule.meta.namespace();
    let export_to = spec.and_then(|spec| spec.export_to.as_ref());
    let subsets = spec.and_then(|spec| spec.subsets.as_ref());
    let annotations = rule.meta.annotations.as_ref();
    Incoming {
        id,
        namespace,
        host: resolve(rule.host(), namespace, domain).into(),
        export_to: export_to.map_or_else(Vec::new, |export| {
            export.iter().map(|to| to.as_str()).collect()
        }),
        selector: selector_of(rule).map(selector_from),
        made: annotations.is_some_and(|those| those.iter().any(|(key, _)| key == MADE_OF)),
        policy: rule.policy().map(|it| Arc::new(policy(it, id, None))),
        subsets: subsets.map_or_else(Vec::new, |subsets| {
            let named = (0..).zip(subsets.iter()).map(|(index, subset)| Named {
                name: subset.name.as_ref().map_or("", |name| name),
                index,
                policy: subset
                    .traffic_policy
                    .as_ref()
                    .map(|it| Arc::new(policy(it, id, Some(index)))),
            });
            named.collect()
        }),
    }
}

/// Where the blocks of a policy are: of the rule itself, or of a subset.
fn policy(policy: &TrafficPolicy, rule: RuleId, subset: Option<u32>) -> Policy {
    let level = subset.map_or(Level::Top, Level::Subset);
    let here = Some(Place { rule, level });
    let budget = policy.retry_budget.as_ref();
    let ports = policy.port_level_settings.as_ref();
    let ports = ports.map_or(&[][..], |ports| ports);
    let entries = (0..).zip(ports).map(|(index, entry)| {
        let level = match subset {
            None => Level::Port(index),
            Some(subset) => Level::SubsetPort(subset, index),
        };
        port_entry(entry, Place { rule, level })
    });
    Policy {
        rule: Some(rule),
        pool: here.filter(|_| policy.connection_pool.is_some()),
        values: values(&policy.connection_pool),
        outlier: here.filter(|_| policy.outlier_detection.is_some()),
        retry_budget: here.filter(|_| policy.retry_budget.is_some()),
        budget: budget.map(|budget| RetryBudget::new(budget)),
        ports: Ports::new(entries.flatten().collect()),
    }
}

fn values(pool: &Option<Spanned<ConnectionPool>>) -> Option<Pool> {
    pool.as_ref().map(|pool| Pool::new(pool))
}

fn port_entry(entry: &PortPolicy, place: Place) -> Option<PortEntry> {
    Some(PortEntry {
        number: entry.port_number()?,
        place,
        pool: entry.connection_pool.as_ref().map(|_| place),
        values: values(&entry.connection_pool),
        outlier: entry.outlier_detection.as_ref().map(|_| place),
    })
}

fn selector_of(rule: &DestinationRule) -> Option<&Spanned<WorkloadSelector>> {
    rule.spec.as_ref()?.workload_selector.as_ref()
}

fn selector_from(selector: &Spanned<WorkloadSelector>) -> Selector {
    Selector::new(selector.labels.iter().flat_map(|labels| labels.iter()))
}
