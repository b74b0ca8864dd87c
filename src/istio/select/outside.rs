//! [`Outside`]: which namespaces have rules for hosts outside the cluster.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::group::Group;
use super::host::namespace_of;
use super::hosts::Hosts;

/// The namespaces that export rules for hosts outside the cluster. A service with such a host is
/// in one of these if any rule of its own namespace is to hold for it.
///
/// Left out are rules for `*`: they are for whatever else is in their namespace.
#[derive(Debug)]
pub(super) struct Outside(Hosts<BTreeSet<Box<str>>>);

impl Outside {
    /// Of the rules that are exported, by namespace and host.
    pub(super) fn new(
        exported: &HashMap<Box<str>, HashMap<Box<str>, Group>>,
        domain: &str,
    ) -> Self {
        let mut namespaces: BTreeMap<Box<str>, BTreeSet<Box<str>>> = BTreeMap::new();
        for (namespace, hosts) in exported {
            let hosts = hosts.keys().map(|host| &**host);
            let outside = |host: &&str| *host != "*" && namespace_of(host, domain).is_none();
            for host in hosts.filter(outside) {
                let those = namespaces.entry(host.into()).or_default();
                those.insert(namespace.clone());
            }
        }
        Self(Hosts::new(namespaces))
    }

    /// Those with a rule for this host, some more than once.
    pub(super) fn namespaces(&self, host: &str) -> impl Iterator<Item = &str> {
        let each = self.0.all(host);
        each.flat_map(|namespaces| namespaces.iter().map(|it| &**it))
    }
}
