//! What no file shows alone: a rule for a name that there cannot be, or in another namespace than was
//! meant.

use super::query::Query;
use super::{RuleSet, Slot};
use crate::istio::problem::{Problem, Report, shorten};
use crate::istio::select::{holds_for, namespace_of, resolve};

/// How many rules are told of for one reason.
const MOST_TOLD: usize = 10;

impl RuleSet {
    /// The half-qualified hosts in namespaces of which only the query speaks: those of its client
    /// and of its service.
    pub(in crate::istio) fn half_qualified_for(&self, query: &Query) -> Vec<Problem> {
        let service = &query.service;
        let said = service.namespace.as_deref();
        let of_service = said.or_else(|| namespace_of(&service.host, &self.cluster_domain));
        let of_client = query.client.as_ref().map(|client| &*client.namespace);
        let news = [of_service, of_client].into_iter().flatten();
        let news: Vec<&str> = news.filter(|name| !self.knows_namespace(name)).collect();
        if news.is_empty() {
            return Vec::new();
        }
        let domain = &*self.cluster_domain;
        half_qualified(&self.rules, |host| {
            let full = completed(host, domain, |name| news.contains(&name));
            // Those that need no namespace that is known were found in the set.
            full.filter(|_| completed(host, domain, |_| false).is_none())
        })
    }
}

impl RuleSet {
    /// The rules without a namespace that would be for the service if they were in its namespace, or
    /// in the client's: files as `kubectl -n` takes them.
    pub(in crate::istio) fn unnamed_for(&self, query: &Query) -> Vec<Problem> {
        let names = self.names(query);
        let unnamed = self.rules.iter().filter_map(|slot| {
            let rule = slot.rule();
            if rule.meta.namespace.is_some() {
                return None;
            }
            let present = rule.meta.namespace();
            let asked = names.owner.into_iter().chain([names.client_namespace]);
            let asked: Vec<&str> = asked.collect();
            let is_for = |namespace: &str| {
                let host = resolve(rule.host(), namespace, &self.cluster_domain);
                holds_for(&host, &names.host)
            };
            if asked.contains(&present) && is_for(present) {
                return None;
            }
            let mut others = asked.iter().filter(|other| **other != present);
            let meant = others.find(|other| is_for(other))?;
            let mut report = Report::new(&slot.file);
            report.notice(
                rule.meta.at,
                &rule.meta.path(),
                format_args!(
                    "it names no namespace, and so is in {}: in {} it would be for `{}`; name the \
                     namespace in it, or say which one is meant by default",
                    shorten(present),
                    shorten(meant),
                    shorten(&names.host)
                ),
            );
            Some(report.into_problems())
        });
        unnamed.take(MOST_TOLD).flatten().collect()
    }
}

/// The hosts that look like names of a cluster's services, and that Istio takes as they stand.
pub(super) fn half_qualified(
    rules: &[Slot],
    completed: impl Fn(&str) -> Option<String>,
) -> Vec<Problem> {
    let half = rules.iter().filter_map(|slot| {
        let rule = slot.rule();
        let host = rule.spec.as_ref()?.host.as_ref()?;
        let full = completed(host)?;
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
pub(super) fn completed(
    host: &str,
    domain: &str,
    is_namespace: impl Fn(&str) -> bool,
) -> Option<String> {
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
