//! [`Index`]: from a client and a service to the rules that are candidates.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use super::entry::{Entry, Incoming};
use super::group::{Audience, Group};
use super::hosts::Hosts;
use super::labels::Selector;
use super::outside::Outside;
use super::quirk::{QuirkKind, QuirkOf, Selection};
use super::visibility::Visibility;

/// What the index is built by.
#[derive(Clone, Copy, Debug)]
pub(in crate::istio) struct Terms<'a> {
    pub(in crate::istio) root_namespace: &'a str,
    pub(in crate::istio) cluster_domain: &'a str,
    /// Whether a rule without `exportTo` is for its own namespace alone.
    pub(in crate::istio) private_by_default: bool,
    pub(in crate::istio) selection: Selection,
}

/// Every rule, by namespace and host, merged as Istio merges them.
#[derive(Debug)]
pub(in crate::istio) struct Index {
    root_namespace: Box<str>,
    /// By the namespace of the rule and of the client.
    local: HashMap<Box<str>, Hosts<Group>>,
    /// By the namespace of the rule.
    exported: HashMap<Box<str>, Hosts<Group>>,
    /// Of the root namespace, for clients there.
    root_private: Hosts<Group>,
    outside: Outside,
}

/// The candidates for a client and a service: rules of one namespace for one host.
#[derive(Clone, Copy, Debug)]
pub(in crate::istio) struct Candidates<'a> {
    entries: &'a [Entry],
    /// Whether they must be exported to the client's namespace.
    exported: bool,
    /// Whether their namespace is the client's.
    own: bool,
    client_namespace: &'a str,
    /// The groups that were looked at, in order: where rules were found but not seen, the search
    /// went on.
    pub(in crate::istio) groups: [Option<&'a Group>; 3],
}

impl<'a> Candidates<'a> {
    pub(in crate::istio) fn iter(self) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| {
            !self.exported || entry.audience.visibility.reaches(self.client_namespace)
        })
    }

    /// The one that applies: for a workload with these labels the first whose selector fits, and
    /// else the last without a selector. Without labels, selectors do not count.
    pub(in crate::istio) fn pick(
        self,
        labels: Option<&BTreeMap<String, String>>,
    ) -> Option<&'a Entry> {
        let labels = labels.filter(|_| self.own);
        let mut plain = None;
        for entry in self.iter() {
            match (entry.selector(), labels) {
                (None, _) => plain = Some(entry),
                (Some(selector), Some(labels)) if selector.selects(labels) => return Some(entry),
                _ => {}
            }
        }
        plain
    }
}

impl Index {
    /// Builds it from all rules, in the order of rules.
    pub(in crate::istio) fn new<'a>(
        rules: impl IntoIterator<Item = Incoming<'a>>,
        terms: Terms<'_>,
    ) -> Self {
        let mut building = Building::default();
        for rule in rules {
            building.add(&rule, terms);
        }
        building.finish(terms)
    }

    /// The rules for a service, by its full name and namespace, as a client sees it. Where its
    /// namespace is not known it is the only one of the [`owners`](Self::owners), if there is one.
    pub(in crate::istio) fn candidates<'a>(
        &'a self,
        client_namespace: &'a str,
        host: &str,
        service_namespace: Option<&str>,
    ) -> Candidates<'a> {
        let own = if *client_namespace == *self.root_namespace {
            Some(&self.root_private)
        } else {
            self.local.get(client_namespace)
        };
        let mut found = Candidates {
            entries: &[],
            exported: false,
            own: true,
            client_namespace,
            groups: [None; 3],
        };
        found.groups[0] = own.and_then(|hosts| hosts.most_specific(host));
        if let Some(group) = found.groups[0] {
            found.entries = &group.entries;
            return found;
        }
        found.exported = true;
        let service_namespace =
            service_namespace.or_else(|| self.only_owner(client_namespace, host));
        let owners = [service_namespace, Some(&*self.root_namespace)];
        for (step, owner) in (1..).zip(owners) {
            let Some(owner) = owner else { continue };
            let hosts = self.exported.get(owner);
            found.groups[step] = hosts.and_then(|hosts| hosts.most_specific(host));
            found.entries = found.groups[step].map_or(&[], |group| &group.entries);
            found.own = *owner == *client_namespace;
            if found.iter().next().is_some() {
                break;
            }
        }
        found
    }

    /// The namespaces that a service with a host outside the cluster may be in, some more than once:
    /// those with rules for it that a client would see.
    pub(in crate::istio) fn owners<'a>(
        &'a self,
        client_namespace: &'a str,
        host: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        self.outside.namespaces(host).filter(move |namespace| {
            let hosts = self.exported.get(*namespace);
            let group = hosts.and_then(|hosts| hosts.most_specific(host));
            group.is_some_and(|group| {
                let mut entries = group.entries.iter();
                entries.any(|entry| entry.audience.visibility.reaches(client_namespace))
            })
        })
    }

    fn only_owner<'a>(&'a self, client_namespace: &'a str, host: &'a str) -> Option<&'a str> {
        let mut owners = self.owners(client_namespace, host);
        let first = owners.next()?;
        owners.all(|other| other == first).then_some(first)
    }

    /// The rules for whichever host comes first, whoever asks: of a set of one rule, that rule.
    pub(in crate::istio) fn any(&self) -> Candidates<'_> {
        let group = self.groups().next();
        Candidates {
            entries: group.map_or(&[], |group| &group.entries),
            exported: false,
            own: true,
            client_namespace: "",
            groups: [group, None, None],
        }
    }

    fn groups(&self) -> impl Iterator<Item = &Group> {
        let shared = self.local.values().chain(self.exported.values());
        shared
            .chain([&self.root_private])
            .flat_map(|hosts| hosts.values())
    }

    /// Where the selection differs from the sane one, each once, in the order of the rules.
    pub(in crate::istio) fn quirks(&self) -> Vec<QuirkOf> {
        let quirks = self.groups().flat_map(|group| group.quirks.iter().copied());
        let each: HashSet<QuirkOf> = quirks.collect();
        let mut each: Vec<QuirkOf> = each.into_iter().collect();
        each.sort_unstable_by_key(|quirk| (quirk.rule, quirk.other, quirk.kind));
        each
    }
}

type ByHost = HashMap<Box<str>, Group>;

#[derive(Default)]
struct Building {
    local: HashMap<Box<str>, ByHost>,
    exported: HashMap<Box<str>, ByHost>,
    root_private: ByHost,
    visibilities: HashSet<Arc<Visibility>>,
    selectors: HashSet<Arc<Selector>>,
}

impl Building {
    fn add(&mut self, rule: &Incoming<'_>, terms: Terms<'_>) {
        let audience = self.audience(rule, terms.selection);
        let visibility = &audience.visibility;
        if visibility.is_local(rule.namespace) {
            let group = group(&mut self.local, rule);
            group.add(rule, audience.clone(), terms.selection);
        }
        if !visibility.is_private(rule.namespace, terms.private_by_default) {
            let group = group(&mut self.exported, rule);
            // Clients of other namespaces look among those that are local to them first.
            let is_meant = audience.spelled_out.reaches(rule.namespace);
            if *rule.namespace == *terms.root_namespace
                && is_meant
                && !visibility.reaches(rule.namespace)
            {
                group.quirks.push(QuirkOf {
                    kind: QuirkKind::HiddenFromRoot,
                    rule: rule.id,
                    other: rule.id,
                });
            }
            group.add(rule, audience, terms.selection);
        } else if *rule.namespace == *terms.root_namespace {
            let group = self.root_private.entry(rule.host.clone()).or_default();
            group.add(rule, audience, terms.selection);
        }
    }

    fn audience(&mut self, rule: &Incoming<'_>, selection: Selection) -> Audience {
        let written = match rule.selector {
            Some(_) => Visibility::private(),
            None => Visibility::new(rule.export_to.iter().copied()),
        };
        let spelled_out = share(&mut self.visibilities, written.spelled_out(rule.namespace));
        let visibility = match selection {
            Selection::Istio => share(&mut self.visibilities, written),
            Selection::Sane => Arc::clone(&spelled_out),
        };
        let selector = rule.selector.clone();
        Audience {
            visibility,
            spelled_out,
            selector: selector.map(|selector| share(&mut self.selectors, selector)),
        }
    }

    fn finish(self, terms: Terms<'_>) -> Index {
        let outside = Outside::new(&self.exported, terms.cluster_domain);
        let frozen = |by_namespace: HashMap<Box<str>, ByHost>| {
            let each = by_namespace.into_iter();
            each.map(|(namespace, hosts)| (namespace, Hosts::new(hosts)))
                .collect()
        };
        Index {
            root_namespace: terms.root_namespace.into(),
            local: frozen(self.local),
            exported: frozen(self.exported),
            root_private: Hosts::new(self.root_private),
            outside,
        }
    }
}

fn group<'a>(
    by_namespace: &'a mut HashMap<Box<str>, ByHost>,
    rule: &Incoming<'_>,
) -> &'a mut Group {
    let hosts = by_namespace.entry(rule.namespace.into()).or_default();
    hosts.entry(rule.host.clone()).or_default()
}

/// The one that is equal, or this one from now on.
fn share<T: Eq + Hash>(shared: &mut HashSet<Arc<T>>, value: T) -> Arc<T> {
    if let Some(there) = shared.get(&value) {
        return Arc::clone(there);
    }
    let new = Arc::new(value);
    shared.insert(Arc::clone(&new));
    new
}
