//! From a query to what applies.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{Mesh, Query, RuleSet};
use crate::istio::Protocol;
use crate::istio::resource::{DEFAULT_NAMESPACE, Listener, Spanned};
use crate::istio::select::{self, SidecarId};
use crate::istio::settings::Settings;
use crate::istio::translate::{Around, Blocks, Envoy, Level, Levels, Owner, Pool};

static NO_LABELS: BTreeMap<String, String> = BTreeMap::new();

impl RuleSet {
    pub(super) fn resolve<'a>(&'a self, query: &'a Query) -> Settings<'a> {
        let service = &query.service;
        let Names {
            client_namespace,
            host,
            owner,
        } = self.names(query);
        let labels = query
            .client
            .as_ref()
            .map_or(&NO_LABELS, |client| &client.labels);
        let candidates = self.index.candidates(client_namespace, &host, owner);
        let entry = candidates.pick(Some(labels).filter(|_| !query.inbound));

        let mut port = service.port.map(u32::from);
        let mut protocol = service.protocol;
        let mut sidecar = None;
        if query.inbound {
            let own = self.sidecar_index.of(client_namespace, labels);
            let served_at = service.target_port.map(u32::from).or(port);
            sidecar = own.map(|id| self.sidecar_of(id, served_at));
            if let Some((number, spoken)) = sidecar.and_then(|sidecar| sidecar.listener) {
                (port, protocol) = (Some(number), spoken);
            }
        }
        let subset = match (entry, &query.subset) {
            (Some(entry), Some(name)) if !query.inbound => entry.subsets.find(name),
            _ => None,
        };
        let levels = Levels {
            rule: entry.and_then(|entry| entry.policy.as_deref()),
            subset: subset.and_then(|subset| subset.policy.as_deref()),
            port,
            mesh: self.mesh_level(),
            sidecar: sidecar.and_then(|sidecar| sidecar.pool),
        };
        let effective = levels.effective();
        Settings {
            rules: self,
            query,
            candidates,
            entry,
            subset,
            sidecar: sidecar.map(|sidecar| sidecar.id),
            levels,
            effective,
            envoy: Envoy::new(
                self.blocks(&levels, effective),
                self.around(),
                protocol,
                query.inbound,
            ),
            protocol,
        }
    }

    /// The namespaces that the service may be in, where that is not known and it matters: those with
    /// rules for it that the client would see. If there is one, it is taken to be that.
    pub(in crate::istio) fn owners(&self, settings: &Settings<'_>) -> BTreeSet<String> {
        let Names {
            client_namespace,
            host,
            owner,
        } = self.names(settings.query);
        if owner.is_some() || settings.candidates.groups[0].is_some() {
            return BTreeSet::new();
        }
        let owners = self.index.owners(client_namespace, &host);
        owners.map(str::to_owned).collect()
    }

    /// The names of a query, as rules are looked up by them.
    pub(super) fn names<'a>(&self, query: &'a Query) -> Names<'a> {
        let service = &query.service;
        let domain = &self.cluster_domain;
        let said = service.namespace.as_deref();
        let of_service = said.or_else(|| select::namespace_of(&service.host, domain));
        let client_namespace = match &query.client {
            Some(client) => &client.namespace,
            None => of_service.unwrap_or(DEFAULT_NAMESPACE),
        };
        let short_in = of_service.unwrap_or(client_namespace);
        let host = select::resolve(&service.host, short_in, domain);
        let is_short = host.len() != service.host.len();
        Names {
            client_namespace,
            host,
            owner: of_service.or(is_short.then_some(short_in)),
        }
    }

    /// What the only rule of the set says of all requests, whatever their host, port and subset, in
    /// no mesh; without a rule, what holds then.
    pub(in crate::istio) fn settings_of_only<'a>(&'a self, query: &'a Query) -> Settings<'a> {
        let candidates = self.index.any();
        let entry = candidates.iter().next();
        let levels = Levels {
            rule: entry.and_then(|entry| entry.policy.as_deref()),
            ..Levels::default()
        };
        let effective = levels.effective();
        let protocol = query.service.protocol;
        let blocks = self.blocks(&levels, effective);
        Settings {
            rules: self,
            query,
            candidates,
            entry,
            subset: None,
            sidecar: None,
            levels,
            effective,
            envoy: Envoy::new(blocks, Around::default(), protocol, query.inbound),
            protocol,
        }
    }

    fn blocks(&self, levels: &Levels<'_>, effective: Level) -> Blocks<'_> {
        let pool = effective.pool.and_then(|owner| {
            let at_hand = levels.values(owner).copied();
            at_hand.or_else(|| self.pool(owner).map(|pool| Pool::new(pool)))
        });
        let outlier = effective.outlier.and_then(|owner| self.outlier(owner));
        let retry_budget = effective
            .retry_budget
            .and_then(|owner| levels.budget(owner));
        Blocks {
            pool,
            outlier: outlier.map(|outlier| &outlier.value),
            retry_budget,
        }
    }

    fn mesh_level(&self) -> Level {
        Level {
            pool: self.pool(Owner::Mesh).map(|_| Owner::Mesh),
            outlier: self.outlier(Owner::Mesh).map(|_| Owner::Mesh),
            retry_budget: None,
        }
    }

    fn around(&self) -> Around<'_> {
        let mesh = self.mesh_settings();
        let timeout = mesh.and_then(|mesh| mesh.connect_timeout);
        let keepalive = mesh.and_then(|mesh| mesh.tcp_keepalive.as_ref());
        let upgrade = mesh.and_then(|mesh| mesh.h2_upgrade_policy);
        Around {
            connect_timeout: Some(timeout.map_or(Mesh::CONNECT_TIMEOUT, |timeout| timeout.value)),
            tcp_keepalive: keepalive.map(|keepalive| &keepalive.value),
            h2_upgrade_policy: upgrade.map(|policy| policy.value),
        }
    }

    /// What a `Sidecar` says for a port on which a workload listens. Where it has listeners and none
    /// for this port, a mesh's Envoy has no cluster of its own for it, and limits nothing there; the
    /// process serves the port all the same, so what is for every port holds, and is told as a
    /// warning.
    fn sidecar_of(&self, id: SidecarId, served_at: Option<u32>) -> SidecarFor {
        let spec = self.sidecar(id);
        let listeners = spec.and_then(|spec| spec.ingress.as_ref());
        let listeners = listeners.map_or(&[][..], |listeners| listeners);
        let those = (0..)
            .zip(listeners)
            .filter(|(_, listener)| served_at == Some(listener.number()));
        let mut found = SidecarFor {
            id,
            listener: None,
            pool: None,
        };
        for (index, listener) in those {
            found
                .listener
                .get_or_insert((listener.number(), protocol_of(listener)));
            if listener.connection_pool.is_some() {
                found.pool = Some(Owner::Listener(id, index));
                return found;
            }
        }
        let whole = spec.and_then(|spec| spec.inbound_connection_pool.as_ref());
        found.pool = whole.map(|_| Owner::Sidecar(id));
        found
    }
}

/// The names of a query.
pub(super) struct Names<'a> {
    pub(super) client_namespace: &'a str,
    /// The full name of the service.
    pub(super) host: Cow<'a, str>,
    /// The namespace of the service; not known of a host outside the cluster, unless it is said.
    pub(super) owner: Option<&'a str>,
}

/// What a `Sidecar` has for a workload's port.
#[derive(Clone, Copy)]
struct SidecarFor {
    id: SidecarId,
    /// The port and the protocol of its listener there: they stand for the service's own.
    listener: Option<(u32, Protocol)>,
    pool: Option<Owner>,
}

fn protocol_of(listener: &Spanned<Listener>) -> Protocol {
    let protocol = listener
        .port
        .as_ref()
        .and_then(|port| port.protocol.as_ref());
    protocol.map_or(Protocol::Auto, |protocol| Protocol::named(protocol))
}
