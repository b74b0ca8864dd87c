//! Which service a destination is.

use crate::istio::{Client, RuleSet, Service};
use crate::limits::Destination;

/// The service that the cluster's DNS finds under the host of a destination.
pub(super) fn service(
    destination: &Destination,
    client: &Client,
    domain: &str,
    rules: &RuleSet,
) -> Service {
    let full = |name, namespace| Service::new(format!("{name}.{namespace}.svc.{domain}"));
    let is_namespace = |name: &str| name == client.namespace() || rules.knows_namespace(name);
    let host = destination.host();
    // With a dot at its end a name is absolute: DNS completes nothing.
    let absolute = host.strip_suffix('.').filter(|name| name.contains('.'));
    if let Some(name) = absolute {
        return Service::new(name).port(destination.port());
    }
    let service = match host.split('.').collect::<Vec<_>>()[..] {
        [name] if !name.starts_with('[') => full(name, client.namespace()),
        [name, namespace, "svc"] => full(name, namespace),
        [name, namespace] if is_namespace(namespace) => full(name, namespace),
        _ => Service::new(host),
    };
    service.port(destination.port())
}
