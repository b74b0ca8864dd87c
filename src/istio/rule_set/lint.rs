//! What no file shows alone: a rule for a name that there cannot be.

use std::collections::HashSet;

use super::Slot;
use crate::istio::problem::{Problem, Report, shorten};
use crate::istio::resource::DEFAULT_NAMESPACE;
use crate::istio::select::{namespace_of, resolve};

/// The hosts that look like names of a cluster's services, and that Istio takes as they stand.
pub(super) fn half_qualified(rules: &[Slot], domain: &str) -> Vec<Problem> {
    let namespaces: HashSet<&str> = rules
        .iter()
        .map(|slot| slot.rule().meta.namespace())
        .chain([DEFAULT_NAMESPACE])
        .collect();
    let half = rules.iter().filter_map(|slot| {
        let rule = slot.rule();
        let host = rule.spec.as_ref()?.host.as_ref()?;
        let full = completed(host, domain, |name| namespaces.contains(name))?;
        let mut report = Report::new(&slot.file);
        let path = rule.meta.path();
        let path = path.field("spec");
        report.warning(
            host.at,
            &path.field("host"),
            format_args!(
                "`{}` matches no service of the cluster: a host with a dot in it is taken as it \
                 stands; expected `{}`",
                shorten(host),
                shorten(&full)
            ),
        );
        Some(report.into_problems())
    });
    half.flatten().collect()
}

/// The name that was probably meant, if it is not the one that stands there: `reviews.default` and
/// `reviews.default.svc` are what DNS would complete.
fn completed(host: &str, domain: &str, is_namespace: impl Fn(&str) -> bool) -> Option<String> {
    let name = host.strip_suffix(".svc");
    let (service, namespace) = name.unwrap_or(host).split_once('.')?;
    let is_name = !service.starts_with('*') && !namespace.contains('.');
    if !is_name || namespace_of(host, domain).is_some() {
        return None;
    }
    let is_meant = name.is_some() || is_namespace(namespace);
    is_meant.then(|| resolve(service, namespace, domain).into_owned())
}

#[cfg(test)]
mod tests {
    use super::completed;

    #[test]
    fn what_dns_would_complete_is_completed_and_nothing_else() {
        let completed = |host| completed(host, "cluster.local", |name| name == "demo");
        for host in ["user.demo", "user.demo.svc"] {
            assert_eq!(
                completed(host).as_deref(),
                Some("user.demo.svc.cluster.local")
            );
        }
        assert_eq!(
            completed("user.elsewhere.svc").as_deref(),
            Some("user.elsewhere.svc.cluster.local")
        );
        for host in [
            "",
            "*",
            "user",
            "example.org",
            "api.user.demo",
            "*.demo",
            "*.svc",
            "10.0.0.1",
            "user.demo.svc.cluster.local",
        ] {
            assert_eq!(completed(host), None, "{host}");
        }
    }
}
