//! What is asked of a set: [`Query`].

use std::collections::BTreeMap;

use crate::istio::Protocol;

/// What settings are asked for: which requests, of which client, to which service.
///
/// ```
/// use meshpool::istio::{Client, Query, Service};
///
/// // Requests that a workload of the namespace `web` sends to the subset v2 of `reviews`.
/// let service = Service::new("reviews.default.svc.cluster.local").port(9080);
/// let query = Query::outbound(service)
///     .client(Client::new("web").label("app", "productpage"))
///     .subset("v2");
/// assert_eq!(query.service().host(), "reviews.default.svc.cluster.local");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub(in crate::istio) inbound: bool,
    pub(in crate::istio) service: Service,
    pub(in crate::istio) client: Option<Client>,
    pub(in crate::istio) subset: Option<String>,
}

impl Query {
    /// For the requests that a client sends to a service.
    pub fn outbound(service: Service) -> Self {
        Self {
            inbound: false,
            service,
            client: None,
            subset: None,
        }
    }

    /// For the requests that a workload of a service serves. The [`client`](Self::client) is then
    /// that workload itself.
    pub fn inbound(service: Service) -> Self {
        Self {
            inbound: true,
            ..Self::outbound(service)
        }
    }

    /// Sets the workload whose requests are meant: the one that sends them, or inbound the one
    /// that serves them. Default: one without labels, in the namespace of the service, or in
    /// `default` if that has none.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Sets the subset that is called, as a route of the mesh would choose it. Outbound only.
    /// A subset that the rule does not have counts as none. Default: none.
    #[must_use]
    pub fn subset(mut self, name: impl Into<String>) -> Self {
        self.subset = Some(name.into());
        self
    }

    /// The service.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Whether the requests are those that are served.
    pub fn is_inbound(&self) -> bool {
        self.inbound
    }
}

/// A workload: the namespace that it is in, and its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    pub(in crate::istio) namespace: String,
    pub(in crate::istio) labels: BTreeMap<String, String>,
}

impl Client {
    /// A workload without labels.
    pub fn new(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            labels: BTreeMap::new(),
        }
    }

    /// Adds a label of its pod. Rules and Sidecars with a selector look at them.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }
}

/// A service, as rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub(in crate::istio) host: String,
    pub(in crate::istio) namespace: Option<String>,
    pub(in crate::istio) port: Option<u16>,
    pub(in crate::istio) target_port: Option<u16>,
    pub(in crate::istio) protocol: Protocol,
}

impl Service {
    /// A service by its full name (`reviews.default.svc.cluster.local`, `api.example.org`), or by
    /// its short one in the [`namespace`](Self::namespace). Names are compared byte for byte, as
    /// in Istio.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            namespace: None,
            port: None,
            target_port: None,
            protocol: Protocol::default(),
        }
    }

    /// Sets the namespace of the service, whose rules apply to it: of a host outside the cluster
    /// that of its `ServiceEntry`. Default: what a full name of the cluster says, and the client's
    /// for a short one. For others it is the only namespace with a rule for that host that the
    /// client sees, one for `*` not counted; if there are several, none, of which an
    /// [`Explanation`](crate::istio::Explanation) warns.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Sets the port of the service. Default: none, for which no `portLevelSettings` hold.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets the port on which its workloads listen, for which a `Sidecar` may have settings.
    /// Default: the port of the service.
    #[must_use]
    pub fn target_port(mut self, port: u16) -> Self {
        self.target_port = Some(port);
        self
    }

    /// Sets what the port speaks, as the name or `appProtocol` of a Kubernetes port says it.
    /// Default: [`Protocol::Http`].
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// The host, as given.
    pub fn host(&self) -> &str {
        &self.host
    }
}
