//! Names of services: what a host in a rule stands for.

use std::borrow::Cow;
use std::net::IpAddr;

/// The name that a host stands for. `*`, an address, and whatever has a dot stay as they are; a
/// short name is a service of `namespace`. So `reviews.default` is no service of a cluster.
pub(in crate::istio) fn resolve<'a>(host: &'a str, namespace: &str, domain: &str) -> Cow<'a, str> {
    if host.is_empty() || host == "*" || host.contains('.') || host.parse::<IpAddr>().is_ok() {
        return Cow::Borrowed(host);
    }
    Cow::Owned(format!("{host}.{namespace}.svc.{domain}"))
}

/// The namespace of a service of the cluster, by its full name: `NAME.NAMESPACE.svc.DOMAIN`.
pub(in crate::istio) fn namespace_of<'a>(host: &'a str, domain: &str) -> Option<&'a str> {
    let rest = host.strip_suffix(domain)?.strip_suffix(".svc.")?;
    let (_, namespace) = rest.rsplit_once('.')?;
    (!namespace.is_empty()).then_some(namespace)
}

/// Whether a rule for one host is for another: the same, or of those that a wildcard is for.
pub(in crate::istio) fn holds_for(rule: &str, host: &str) -> bool {
    match suffix(rule) {
        Some(end) => suffix(host).unwrap_or(host).ends_with(end),
        None => rule == host,
    }
}

/// The suffix of a wildcard: what follows its `*`.
pub(super) fn suffix(host: &str) -> Option<&str> {
    host.strip_prefix('*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_names_are_completed() {
        let resolve = |host| resolve(host, "ns", "cluster.local").into_owned();
        assert_eq!(resolve("reviews"), "reviews.ns.svc.cluster.local");
        assert_eq!(resolve("*-reviews"), "*-reviews.ns.svc.cluster.local");
        for host in [
            "",
            "*",
            "reviews.",
            "reviews.ns",
            "10.0.0.1",
            "fe80::1",
            "*.org",
        ] {
            assert_eq!(resolve(host), host);
        }
    }

    #[test]
    fn a_full_name_tells_the_namespace() {
        let namespace = |host| namespace_of(host, "cluster.local");
        assert_eq!(namespace("reviews.ns.svc.cluster.local"), Some("ns"));
        assert_eq!(namespace("a.b.ns.svc.cluster.local"), Some("ns"));
        for host in [
            "reviews",
            "ns.svc.cluster.local",
            "a..svc.cluster.local",
            "svc.cluster.local",
        ] {
            assert_eq!(namespace(host), None, "{host}");
        }
    }
}
