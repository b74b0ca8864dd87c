//! [`OutboundRules`]: what limits the requests that this process sends.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::destination::service;
use super::{Rules, Snapshot};
use crate::istio::select::namespace_of;
use crate::istio::{Client, Explanation, OnFull, Query};
use crate::limits::{Destination, Limits, LimitsSource, Subscriber};

/// Of how many destinations it is remembered what was told, for the event when it changes.
const MOST_TOLD: usize = 4096;

/// The limits of each destination, as a client of this identity finds them. Made by
/// [`Rules::outbound`]; clones are the same.
///
/// A destination's host is taken for a service as the cluster's DNS would take it: `user` is the
/// service of that name in the client's namespace; `user.demo.svc` is
/// `user.demo.svc.cluster.local`, and so is `user.demo` if `demo` is the client's namespace or one
/// of which any rule speaks. An absolute name, with a dot at its end, is the same without the dot
/// if it is a full one, as for a mesh's Envoy. Every other host stays as it is. The port is that of
/// the service.
#[derive(Clone, Debug)]
pub struct OutboundRules {
    rules: Rules,
    client: Client,
    subset: Option<String>,
    /// In which namespace each host is a service.
    namespaces: BTreeMap<String, String>,
    /// What each was told, and by which revision of the rules.
    told: Arc<Mutex<HashMap<Destination, (u64, Limits)>>>,
}

impl OutboundRules {
    pub(super) fn new(rules: Rules, client: Client) -> Self {
        Self {
            rules,
            client,
            subset: None,
            namespaces: BTreeMap::new(),
            told: Arc::default(),
        }
    }

    /// Sets the subset that is called, as a route of the mesh would choose it. A service whose
    /// rule does not have it is called as a whole. Default: none.
    #[must_use]
    pub fn subset(mut self, name: impl Into<String>) -> Self {
        self.subset = Some(name.into());
        // Of the others with which it was shared it would be something else.
        self.told = Arc::default();
        self
    }

    /// Says of a host outside the cluster in which namespace it is a service: in that of its
    /// `ServiceEntry`, whose rules apply to it. `*.example.org` is for every host that ends so and
    /// that nothing longer is said of.
    ///
    /// Default: the only namespace with a rule for the host that the client sees, one for `*` not
    /// counted. If there are several, none: then of these rules only those of the root namespace
    /// apply, and the [`explanation`](Self::explanation) warns. Rules of the client's own namespace
    /// come first in any case.
    ///
    /// ```
    /// use meshpool::istio::Client;
    /// use meshpool::istio::rules::Rules;
    /// use meshpool::limits::{Destination, LimitsSource, Scheme};
    ///
    /// let rules = Rules::new();
    /// for (namespace, limit) in [("egress", 1), ("partners", 2)] {
    ///     rules.put(
    ///         namespace,
    ///         format!(
    ///             "apiVersion: networking.istio.io/v1
    /// kind: DestinationRule
    /// metadata: {{name: api, namespace: {namespace}}}
    /// spec:
    ///   host: api.example.org
    ///   trafficPolicy:
    ///     connectionPool:
    ///       http: {{http2MaxRequests: {limit}}}
    /// "
    ///         ),
    ///     )?;
    /// }
    /// let api = Destination::new(Scheme::Https, "api.example.org", 443);
    /// let outbound = rules.outbound(Client::new("web"));
    /// assert_eq!(outbound.limits(&api).max_requests, None);
    ///
    /// let outbound = outbound.service_namespace("api.example.org", "egress");
    /// assert_eq!(outbound.limits(&api).max_requests, Some(1));
    /// # Ok::<(), meshpool::istio::Rejected>(())
    /// ```
    #[must_use]
    pub fn service_namespace(
        mut self,
        host: impl Into<String>,
        namespace: impl Into<String>,
    ) -> Self {
        // As the hosts of destinations are compared.
        let mut host = host.into().to_ascii_lowercase();
        if host.ends_with('.') {
            host.pop();
        }
        self.namespaces.insert(host, namespace.into());
        self.told = Arc::default();
        self
    }

    /// What is asked of the rules for a destination.
    pub fn query(&self, destination: &Destination) -> Query {
        self.query_of(destination, &self.rules.snapshot())
    }

    /// What is in force now for a destination, and why.
    pub fn explanation(&self, destination: &Destination) -> Explanation {
        self.rules
            .explain(&self.query(destination), OnFull::default())
    }

    fn query_of(&self, destination: &Destination, rules: &Snapshot) -> Query {
        let domain = self.rules.cluster_domain();
        let service = service(destination, &self.client, domain, &rules.set);
        let service = match self.namespace_of(service.host()) {
            Some(namespace) => service.namespace(namespace),
            None => service,
        };
        let query = Query::outbound(service).client(self.client.clone());
        match &self.subset {
            Some(subset) => query.subset(subset),
            None => query,
        }
    }

    /// What was said of a host, if that is outside the cluster.
    fn namespace_of(&self, host: &str) -> Option<&str> {
        if namespace_of(host, self.rules.cluster_domain()).is_some() {
            return None;
        }
        let exact = self.namespaces.get(host);
        let wild = || {
            let fitting = self.namespaces.iter().filter(|(pattern, _)| {
                let suffix = pattern.strip_prefix('*');
                suffix.is_some_and(|suffix| host.ends_with(suffix))
            });
            let longest = fitting.max_by_key(|(pattern, _)| pattern.len());
            longest.map(|(_, namespace)| namespace)
        };
        exact.or_else(wild).map(String::as_str)
    }

    /// Remembers what was told, and tells if it is something else than before.
    fn note(&self, destination: &Destination, limits: Limits, revision: u64) {
        let before = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            let has_room = told.len() < MOST_TOLD;
            match told.get_mut(destination) {
                // Of two that ask at the same time the one with the older rules may come last.
                Some((newest, _)) if *newest > revision => None,
                Some(told) => Some(std::mem::replace(told, (revision, limits)).1),
                None if has_room => {
                    told.insert(destination.clone(), (revision, limits));
                    None
                }
                None => None,
            }
        };
        if let Some(before) = before {
            self.rules.note(destination, before, limits, revision);
        }
    }
}

impl LimitsSource for OutboundRules {
    fn limits(&self, destination: &Destination) -> Limits {
        let rules = self.rules.snapshot();
        let query = self.query_of(destination, &rules);
        // What becomes of a request that finds no room is the pool's to decide.
        let limits = rules.set.settings(&query).limits(OnFull::default());
        self.note(destination, limits, rules.revision);
        limits
    }

    fn revision(&self) -> u64 {
        self.rules.revision()
    }

    fn subscribe(&self, subscriber: Weak<Subscriber>) {
        self.rules.subscribe(subscriber);
    }
}
