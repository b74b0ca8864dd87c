//! The command line: what to read, and for which requests to explain it.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use meshpool::istio::{Client, Gate, OnFull, Protocol, Query, RuleSet, Service};

use crate::domain::domain;
use crate::label::label;
use crate::named::Named;

/// Explains which limits a mesh's rules set for a service, and where each is from
#[derive(Debug, Parser)]
pub(crate) struct Flags {
    /// Files and directories with DestinationRules and Sidecars
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// The service: its full name, or its short one in the namespace
    #[arg(long)]
    host: String,
    /// The namespace of the service; unless set the one that its full name has, for a short name
    /// that of the workload, and for others the only one with a rule for it
    #[arg(long)]
    namespace: Option<String>,
    /// The domain of the cluster, under which short names of services stand
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local", value_parser = domain)]
    cluster_domain: String,
    /// The namespace of the objects in files that name none, as of `kubectl -n`
    #[arg(long, value_name = "NAMESPACE", default_value = "default")]
    default_namespace: String,
    /// The port of the service; without one the settings of no port apply
    #[arg(long)]
    port: Option<u16>,
    /// The port on which its workloads listen; that of the service unless set
    #[arg(long)]
    target_port: Option<u16>,
    /// What the port speaks: HTTP, HTTP2, GRPC, TCP or AUTO
    #[arg(long, default_value = "HTTP", value_parser = protocol)]
    protocol: Protocol,
    /// The subset that is called
    #[arg(long)]
    subset: Option<String>,
    /// The namespace of the workload that sends the requests, `default` unless set; or inbound
    /// serves them, the service's unless set
    #[arg(long)]
    client_namespace: Option<String>,
    /// A label of that workload: KEY=VALUE
    #[arg(long, value_name = "LABEL", value_parser = label)]
    client_label: Vec<(String, String)>,
    /// Whether the requests are those that a client sends, or those that the service gets
    #[arg(long, value_enum, default_value_t = Direction::Outbound)]
    direction: Direction,
    /// A file with the mesh's MeshConfig, its settings alone, or the ConfigMap with them
    #[arg(long, value_name = "FILE")]
    mesh: Option<PathBuf>,
    /// How strictly to read: as the CRD has it, or whatever istiod accepts
    #[arg(long, default_value_t)]
    gate: Gate,
    /// Inbound, let requests wait wherever the rule sets http1MaxPendingRequests
    #[arg(long)]
    wait: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Direction {
    Inbound,
    Outbound,
}

impl Flags {
    pub(crate) fn rule_set(&self) -> RuleSet {
        let builder = RuleSet::builder()
            .gate(self.gate)
            .cluster_domain(&self.cluster_domain)
            .default_namespace(&self.default_namespace);
        let builder = self
            .rules
            .iter()
            .fold(builder, |builder, path| builder.path(path));
        match &self.mesh {
            Some(mesh) => builder.mesh(mesh).build(),
            None => builder.build(),
        }
    }

    pub(crate) fn query(&self) -> Query {
        let query = match self.direction {
            Direction::Inbound => Query::inbound(self.service()),
            Direction::Outbound => Query::outbound(self.service()),
        };
        let client = Client::new(self.client_namespace());
        let labels = self.client_label.iter();
        let client = labels.fold(client, |client, (key, value)| client.label(key, value));
        let query = query.client(client);
        match self.subset.as_deref() {
            None | Some("") => query,
            Some(subset) => query.subset(subset),
        }
    }

    fn client_namespace(&self) -> &str {
        match (&self.client_namespace, self.direction) {
            (Some(namespace), _) => namespace,
            (None, Direction::Outbound) => "default",
            (None, Direction::Inbound) => self.named().namespace(),
        }
    }

    fn named(&self) -> Named<'_> {
        Named {
            host: &self.host,
            namespace: self.namespace.as_deref(),
            cluster_domain: &self.cluster_domain,
        }
    }

    fn service(&self) -> Service {
        let mut service = self.named().service().protocol(self.protocol);
        if let Some(port) = self.port {
            service = service.port(port);
        }
        if let Some(port) = self.target_port {
            service = service.target_port(port);
        }
        service
    }

    pub(crate) fn on_full(&self) -> OnFull {
        match self.wait {
            true => OnFull::Wait,
            false => OnFull::Refuse,
        }
    }
}

/// A protocol on the command line: any that Istio knows.
fn protocol(name: &str) -> Result<Protocol, &'static str> {
    // What Istio calls a port whose name says nothing.
    const UNSAID: [&str; 3] = ["AUTO", "UnsupportedProtocol", ""];
    match Protocol::named(name) {
        Protocol::Auto
            if !UNSAID
                .iter()
                .any(|unsaid| unsaid.eq_ignore_ascii_case(name)) =>
        {
            Err("expected HTTP, HTTP2, GRPC, TCP or AUTO")
        }
        protocol => Ok(protocol),
    }
}
