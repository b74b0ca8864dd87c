//! Rules, and questions to which they are the answer.

use std::fmt::Write;

use meshpool::istio::{Client, Query, Service};

/// Files with rules, and queries.
pub(crate) struct Mesh {
    pub(crate) files: Vec<(String, String)>,
    pub(crate) queries: Vec<Query>,
}

impl Mesh {
    fn new() -> Self {
        Self {
            files: Vec::new(),
            queries: Vec::new(),
        }
    }
}

fn rule(text: &mut String, name: &str, namespace: &str, host: &str, rest: &str) {
    write!(
        text,
        "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  host: '{host}'
  trafficPolicy:
    connectionPool:
      tcp: {{maxConnections: 100, connectTimeout: 3s}}
      http: {{http1MaxPendingRequests: 10, http2MaxRequests: 50, maxRetries: 3}}
{rest}---
"
    )
    .expect("a string takes everything");
}

/// Rules with a host each, in one namespace.
pub(crate) fn hosts(rules: usize) -> Mesh {
    let mut mesh = Mesh::new();
    for index in 0..rules {
        let mut text = String::new();
        let name = format!("service-{index}");
        rule(&mut text, &name, "default", &name, "");
        let host = format!("{name}.default.svc.cluster.local");
        mesh.queries
            .push(Query::outbound(Service::new(host)).client(Client::new("default")));
        mesh.files.push((name, text));
    }
    mesh
}

/// Rules with a wildcard each, in one namespace.
pub(crate) fn wildcards(rules: usize) -> Mesh {
    let mut mesh = Mesh::new();
    for index in 0..rules {
        let mut text = String::new();
        let name = format!("domain-{index}");
        rule(
            &mut text,
            &name,
            "default",
            &format!("*.{name}.example.org"),
            "",
        );
        let host = format!("www.{name}.example.org");
        mesh.queries
            .push(Query::outbound(Service::new(host)).client(Client::new("default")));
        mesh.files.push((name, text));
    }
    mesh
}

/// Namespaces with rules each.
pub(crate) fn mesh(namespaces: usize, rules: usize) -> Mesh {
    const MORE: &str = "    portLevelSettings:
    - port: {number: 8080}
      connectionPool: {http: {http2MaxRequests: 20}}
    retryBudget: {percent: 25}
  subsets:
  - {name: v1, labels: {version: v1}}
  - name: v2
    labels: {version: v2}
    trafficPolicy: {connectionPool: {http: {http2MaxRequests: 5}}}
";
    const SELECTIVE: &str = "  workloadSelector: {matchLabels: {app: web}}\n";
    let mut mesh = Mesh::new();
    for namespace in 0..namespaces {
        let mut text = String::new();
        let namespace = format!("namespace-{namespace}");
        for index in 0..rules {
            // Two of three rules have a host of their own.
            let host = format!("service-{}", index - usize::from(index % 3 == 2));
            let rest = if index % 3 == 2 { SELECTIVE } else { MORE };
            rule(&mut text, &format!("rule-{index}"), &namespace, &host, rest);
            let service = Service::new(format!("{host}.{namespace}.svc.cluster.local")).port(8080);
            mesh.queries.push(match index % 4 {
                0 => Query::inbound(service),
                1 => Query::outbound(service).client(Client::new("elsewhere")),
                2 => Query::outbound(service).subset("v2"),
                _ => Query::outbound(service).client(
                    Client::new(&*namespace)
                        .label("app", "web")
                        .label("pod", "1"),
                ),
            });
        }
        write!(
            text,
            "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: default, namespace: {namespace}}}
spec:
  inboundConnectionPool: {{http: {{http2MaxRequests: 500}}}}
"
        )
        .expect("a string takes everything");
        mesh.files.push((namespace, text));
    }
    mesh
}
