//! Rules for hosts outside the cluster: in which namespace such a service is, is not in the rules.

use meshpool::istio::rules::Rules;
use meshpool::istio::{Client, OnFull, Query, RuleSet, Service, Severity};
use meshpool::limits::{Destination, LimitsSource, Scheme};

/// A rule of a namespace for a host.
fn rule(namespace: &str, host: &str, requests: u32, more: &str) -> String {
    format!(
        "---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: r{requests}, namespace: {namespace}}}
spec:
  host: '{host}'
  trafficPolicy: {{connectionPool: {{http: {{http2MaxRequests: {requests}}}}}}}
{more}"
    )
}

const HOST: &str = "api.example.org";

/// The limit for `api.example.org` as a client in `web` finds it, and what is said of that: by a
/// set that is asked, and by rules in force, which must agree.
fn found(text: &str) -> (Option<u32>, Vec<(Severity, String)>) {
    let set = RuleSet::builder().document("rules.yaml", text).build();
    assert!(set.is_valid(), "{:?}", set.problems());
    let query = Query::outbound(Service::new(HOST).port(443)).client(Client::new("web"));
    let settings = set.settings(&query);
    let limit = settings.limits(OnFull::Refuse).max_requests;
    let explanation = set.explain(&query, OnFull::Refuse);

    let rules = Rules::new();
    rules.put("rules.yaml", text).unwrap();
    let client = rules.outbound(Client::new("web"));
    let destination = Destination::new(Scheme::Https, HOST, 443);
    assert_eq!(client.limits(&destination).max_requests, limit);
    assert_eq!(client.query(&destination), query);
    assert_eq!(client.explanation(&destination), explanation);

    let about_host = explanation.problems.iter().filter(|problem| {
        let message = problem.message();
        message.starts_with("`api.example.org` is no name of the cluster")
    });
    let about_host = about_host.map(|it| (it.severity(), it.message().to_owned()));
    (limit, about_host.collect())
}

#[test]
fn the_only_namespace_with_a_rule_for_the_host_is_taken_for_the_services() {
    for host in [HOST, "*.example.org", "*.org"] {
        let (limit, said) = found(&rule("egress", host, 1, ""));
        assert_eq!(limit, Some(1), "{host}");
        assert_eq!(said.len(), 1);
        let (severity, message) = &said[0];
        assert_eq!(*severity, Severity::Notice);
        assert!(message.contains("of the namespace egress"), "{message}");
    }
    // Two rules of one namespace are rules of one namespace.
    let both = rule("egress", HOST, 1, "") + &rule("egress", "*.example.org", 2, "");
    assert_eq!(found(&both).0, Some(1));
}

#[test]
fn of_several_namespaces_with_a_rule_for_the_host_none_is_taken_and_that_is_told() {
    let several = rule("egress", HOST, 1, "") + &rule("partners", "*.example.org", 2, "");
    let (limit, said) = found(&several);
    assert_eq!(limit, None);
    assert_eq!(said.len(), 1);
    let (severity, message) = &said[0];
    assert_eq!(*severity, Severity::Warning);
    assert!(
        message.contains("2 namespaces have rules for it: egress, partners;"),
        "{message}"
    );
}

#[test]
fn the_root_namespaces_rules_hold_wherever_the_service_is() {
    let root = rule("istio-system", "*.org", 3, "");
    assert_eq!(found(&root), (Some(3), Vec::new()));
    let both = root + &rule("egress", HOST, 1, "");
    let (limit, said) = found(&both);
    assert_eq!(limit, Some(3));
    let (severity, message) = &said[0];
    assert_eq!(*severity, Severity::Warning);
    assert!(
        message.contains("so only that of istio-system, the root namespace, holds"),
        "{message}"
    );
    // Rules for all that there is say nothing of it.
    let default = rule("istio-system", "*", 3, "");
    assert_eq!(found(&default).0, Some(3));
    assert_eq!(found(&(default + &rule("egress", HOST, 1, ""))).0, Some(1));
}

#[test]
fn rules_that_say_nothing_of_the_host_do_not_count() {
    let egress = rule("egress", HOST, 1, "");
    for other in [
        rule("partners", HOST, 2, "  exportTo: ['.']\n"),
        rule("partners", HOST, 2, "  exportTo: [shop]\n"),
        rule("partners", "*", 2, ""),
        rule("istio-system", "*", 2, ""),
        rule("partners", "*.example.com", 2, ""),
        rule("partners", "other.example.org", 2, ""),
    ] {
        for text in [egress.clone() + &other, other.clone() + &egress] {
            assert_eq!(found(&text).0, Some(1), "{text}");
        }
        let alone = found(&other);
        let of_root = other.contains("istio-system").then_some(2);
        assert_eq!(alone, (of_root, Vec::new()), "{other}");
    }
}

#[test]
fn a_most_specific_rule_that_is_not_seen_hides_those_of_its_namespace() {
    let hidden = rule("egress", HOST, 1, "  exportTo: ['.']\n");
    let shown = rule("egress", HOST, 1, "  exportTo: [shop]\n");
    let wild = rule("egress", "*.example.org", 2, "");
    // What is for its own namespace alone is not among those that are looked through.
    assert_eq!(found(&(hidden + &wild)).0, Some(2));
    assert_eq!(found(&(shown + &wild)), (None, Vec::new()));
}

#[test]
fn a_rule_of_the_clients_own_namespace_comes_first_and_nothing_is_guessed() {
    let own = rule("web", HOST, 3, "");
    let several = rule("egress", HOST, 1, "") + &rule("partners", HOST, 2, "");
    assert_eq!(found(&(several + &own)), (Some(3), Vec::new()));
}

#[test]
fn whoever_knows_the_namespace_says_it() {
    let rules = Rules::new();
    let text = rule("egress", "*.example.org", 1, "") + &rule("partners", "*.example.org", 2, "");
    rules.put("rules.yaml", text).unwrap();
    let plain = rules.outbound(Client::new("web"));
    let of = |client: &dyn LimitsSource, host| {
        let destination = Destination::new(Scheme::Https, host, 443);
        client.limits(&destination).max_requests
    };
    assert_eq!(of(&plain, HOST), None);
    let told = plain
        .clone()
        .service_namespace("API.example.org.", "egress");
    assert_eq!(of(&told, HOST), Some(1));
    assert_eq!(of(&told, "api.example.org."), Some(1));
    assert_eq!(of(&told, "b.example.org"), None);
    let told = told.service_namespace("*.example.org", "partners");
    assert_eq!(
        (of(&told, HOST), of(&told, "b.example.org")),
        (Some(1), Some(2))
    );
    let told = told.service_namespace("*", "egress");
    assert_eq!(of(&told, "b.example.org"), Some(2), "of two the longer");
    // None of these is a change of what is in force.
    assert_eq!(rules.stats().limit_changes, 0);
    // Names of the cluster say it themselves.
    rules.put("user.yaml", rule("demo", "user", 3, "")).unwrap();
    assert_eq!(of(&told, "user.demo.svc.cluster.local"), Some(3));
}
