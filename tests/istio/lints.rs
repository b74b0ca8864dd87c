//! What was asked for and is not there, and rules for names that there cannot be.

use meshpool::istio::{Client, Explanation, OnFull, Problem, Query, RuleSet, Service, Severity};

use crate::support::rule_of_day;

const RULE: &str = "\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: user, namespace: demo}
spec:
  host: user
  trafficPolicy: {connectionPool: {http: {http2MaxRequests: 7}}}
  subsets: [{name: v1}, {name: v2}]
";

fn explain(text: &str, query: &Query) -> Explanation {
    let set = RuleSet::builder().document("rules.yaml", text).build();
    assert!(set.is_valid(), "{:?}", set.problems());
    set.explain(query, OnFull::Refuse)
}

fn user() -> Service {
    Service::new("user").namespace("demo")
}

fn told(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_subset_that_the_rule_lacks_is_a_warning() {
    let of = |subset: &str| Query::outbound(user()).subset(subset);
    assert_eq!(told(&explain(RULE, &of("v2")).problems), [""; 0]);
    let explanation = explain(RULE, &of("v3"));
    assert!(explanation.valid);
    assert_eq!(
        told(&explanation.problems),
        [
            "rules.yaml:7:12: warning: spec.subsets: demo/user has no subset `v3`, which is asked \
             for: it has v1, v2; what is said of the whole service holds here, and a route of a \
             mesh to such a subset leads nowhere"
        ]
    );
    let without = RULE.split("  subsets").next().unwrap();
    let explanation = explain(without, &of("v3"));
    assert!(told(&explanation.problems)[0].starts_with(
        "rules.yaml:1:1: warning: spec.subsets: demo/user has no subset `v3`, which is asked for: \
         it has none;"
    ));
    // Inbound there are no subsets, and of no rule there is none to lack.
    let inbound = Query::inbound(user()).subset("v3");
    assert_eq!(told(&explain(without, &inbound).problems), [""; 0]);
    let other = Query::outbound(Service::new("other").namespace("demo")).subset("v3");
    assert_eq!(told(&explain(without, &other).problems), [""; 0]);
}

#[test]
fn a_host_that_only_dns_would_complete_is_a_warning() {
    let set = |host: &str| {
        let text = RULE.replace("host: user", &format!("host: {host}"));
        let other = RULE.replace("demo", "web").replace("user", "other");
        RuleSet::builder()
            .document("rules.yaml", text)
            .document("other.yaml", other)
            .build()
    };
    for host in [
        "user.demo",
        "user.web",
        "user.default",
        "user.demo.svc",
        "user.nowhere.svc",
    ] {
        let set = set(host);
        assert!(set.is_valid());
        let [problem] = set.problems() else {
            panic!("{host}: {:?}", set.problems());
        };
        assert_eq!(problem.severity(), Severity::Warning);
        let full = format!("{}.svc.cluster.local", host.trim_end_matches(".svc"));
        assert_eq!(
            problem.to_string(),
            format!(
                "rules.yaml:5:9: warning: spec.host: `{host}` matches no service of the cluster: a \
                 host with a dot in it is taken as it stands; expected `{full}`"
            )
        );
    }
    for host in [
        "user",
        "user.demo.svc.cluster.local",
        "example.org",
        "'*.demo'",
        "api.user.demo",
    ] {
        assert!(set(host).problems().is_empty(), "{host}");
    }
    let set = RuleSet::builder()
        .cluster_domain("mesh.test")
        .document("rules.yaml", RULE.replace("host: user", "host: user.demo"))
        .build();
    assert!(
        set.problems()[0]
            .message()
            .ends_with("`user.demo.svc.mesh.test`")
    );
}

/// The hosts of which the set says that they match no service.
fn half_qualified(problems: &[Problem]) -> Vec<&str> {
    let hosts = problems.iter().filter(|it| it.path() == "spec.host");
    let hosts = hosts.filter_map(|it| it.message().split('`').nth(1));
    hosts.collect()
}

#[test]
fn every_object_tells_of_namespaces() {
    let half = ["carts", "orders", "shop", "istio-system", "mesh-root"];
    for (other, known) in [
        ("", &["istio-system"][..]),
        (
            "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\n\
             metadata: {name: a, namespace: carts}\n\
             spec: {inboundConnectionPool: {tcp: {maxConnections: 1}}}\n",
            &["carts", "istio-system"],
        ),
        (
            "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\n\
             metadata: {name: a, namespace: demo}\n\
             spec: {host: a.orders.svc.cluster.local, exportTo: [., shop]}\n",
            &["orders", "shop", "istio-system"],
        ),
        (
            "---\napiVersion: mesh\nkind: MeshConfig\nspec: {rootNamespace: mesh-root}\n",
            &["mesh-root"],
        ),
    ] {
        let mut text = other.to_owned();
        for namespace in half {
            let rule = RULE.replace("name: user", &format!("name: {namespace}"));
            text += "---\n";
            text += &rule.replace("host: user", &format!("host: user.{namespace}"));
        }
        let set = RuleSet::builder().document("rules.yaml", text).build();
        assert!(set.is_valid(), "{:?}", set.problems());
        let expected: Vec<_> = known.iter().map(|name| format!("user.{name}")).collect();
        assert_eq!(half_qualified(set.problems()), expected, "{other}");
    }
}

#[test]
fn the_query_tells_of_namespaces_as_well() {
    let rule = |name: &str, host: &str| {
        let rule = RULE.replace("name: user", &format!("name: {name}"));
        format!(
            "---\n{}",
            rule.replace("host: user", &format!("host: {host}"))
        )
    };
    let text = [
        rule("a", "user.shop"),
        rule("b", "user.web"),
        rule("c", "user.demo"),
        rule("d", "user.shop.svc"),
        rule("e", "example.org"),
    ]
    .concat();
    let of = |query: &Query| {
        let problems = explain(&text, query).problems;
        let hosts = half_qualified(&problems).into_iter();
        hosts.map(str::to_owned).collect::<Vec<_>>()
    };
    let query = |host: &str| Query::outbound(Service::new(host));
    // In the set itself, whoever asks, and each once.
    let of_set = ["user.demo", "user.shop.svc"];
    assert_eq!(of(&query("user.demo")), of_set);
    assert_eq!(of(&query("other").client(Client::new("demo"))), of_set);
    let and = |host| [&of_set[..], &[host]].concat();
    let service = Service::new("user").namespace("shop");
    assert_eq!(of(&Query::outbound(service)), and("user.shop"));
    assert_eq!(of(&query("user.shop.svc.cluster.local")), and("user.shop"));
    let of_client = query("other").client(Client::new("web"));
    assert_eq!(of(&of_client), and("user.web"));
}

#[test]
fn that_there_is_no_rule_at_all_is_a_notice() {
    let query = Query::outbound(user());
    for text in [
        "# none yet\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: user}\n",
    ] {
        let explanation = explain(text, &query);
        assert_eq!(
            told(&explanation.problems),
            ["notice: no DestinationRule was read at all, for whatever host"]
        );
        assert!(explanation.valid);
        let text = explanation.to_string();
        assert!(
            text.contains("notice: no DestinationRule was read"),
            "{text}"
        );
        assert!(!text.contains("with warnings"), "{text}");
    }
    let other = Query::outbound(Service::new("other"));
    assert_eq!(told(&explain(RULE, &other).problems), [""; 0]);
}

#[test]
fn a_port_that_no_listener_is_for_is_a_warning() {
    let sidecar = "---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: user, namespace: demo}
spec:
  workloadSelector: {labels: {app: user}}
  ingress:
  - {port: {number: 8080, protocol: HTTP}, connectionPool: {http: {http2MaxRequests: 3}}}
";
    let text = format!("{RULE}{sidecar}");
    let asked = |service: Service, label: &str| {
        let workload = Client::new("demo").label("app", label);
        let explanation = explain(&text, &Query::inbound(service).client(workload));
        let requests = explanation
            .limits
            .iter()
            .find(|it| it.field == "max_requests");
        let limit = requests.unwrap().value.to_string();
        let listeners = explanation.problems.into_iter();
        let listeners = listeners.filter(|problem| problem.path() == "spec.ingress");
        (limit, told(&listeners.collect::<Vec<_>>()))
    };
    let at = |port| user().port(80).target_port(port);
    assert_eq!(asked(at(8080), "user"), ("3".to_owned(), vec![]));
    assert_eq!(
        asked(at(9090), "user"),
        (
            "7".to_owned(),
            vec![
                "rules.yaml:15:5: warning: spec.ingress: none of the listeners is for port 9090: a \
                 mesh's Envoy would pass its requests on without the limits of the Sidecar and of \
                 the rule; here they hold as for a port without a Sidecar"
                    .to_owned()
            ]
        )
    );
    // Of a service without a port nothing can be said, and the Sidecar is not everybody's.
    assert_eq!(asked(user(), "user"), ("7".to_owned(), vec![]));
    assert_eq!(asked(at(9090), "other"), ("7".to_owned(), vec![]));
}

#[test]
fn that_a_merge_swallows_a_policy_is_a_warning() {
    let older = rule_of_day(1, "platform", "trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}");
    let newer = rule_of_day(
        2,
        "team",
        "trafficPolicy: {connectionPool: {http: {http2MaxRequests: 5}}}",
    );
    let explanation = explain(&format!("{newer}{older}"), &Query::outbound(user()));
    let idle = explanation.without_effect.iter();
    let of_policy = idle.filter(|it| it.path() == "spec.trafficPolicy");
    assert_eq!(
        told(&of_policy.cloned().collect::<Vec<_>>()),
        [
            "rules.yaml:5:35: warning: spec.trafficPolicy: without effect: demo/platform is an \
             older rule for the same host, and its policy holds"
        ]
    );
    let warned = explanation.problems.iter();
    let warned = warned.filter(|it| it.path() == "spec.trafficPolicy");
    assert_eq!(warned.count(), 1, "{:#?}", explanation.problems);
}

#[test]
fn what_a_sidecar_says_of_an_envoy_and_of_other_ports_has_no_effect() {
    let sidecar = "---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: user, namespace: demo}
spec:
  workloadSelector: {labels: {app: user}}
  egress: [{hosts: [\"./*\"]}]
  outboundTrafficPolicy: {mode: ALLOW_ANY}
  inboundConnectionPool: {tcp: {maxConnections: 9}}
  ingress:
  - {port: {number: 8080, protocol: HTTP}, bind: 127.0.0.1, connectionPool: {tcp: {maxConnections: 3}}}
  - {port: {number: 8081, protocol: HTTP}, connectionPool: {tcp: {maxConnections: 4}}}
";
    let workload = Client::new("demo").label("app", "user");
    let service = user().port(80).target_port(8080);
    let query = Query::inbound(service).client(workload);
    let explanation = explain(&format!("{RULE}{sidecar}"), &query);
    let idle = explanation.without_effect.iter();
    let paths: Vec<_> = idle
        .map(Problem::path)
        .filter(|path| !path.starts_with("spec.trafficPolicy"))
        .collect();
    assert_eq!(
        paths,
        [
            "spec.subsets",
            "spec.egress",
            "spec.outboundTrafficPolicy",
            "spec.inboundConnectionPool",
            "spec.ingress[0].bind",
            "spec.ingress[1].connectionPool",
        ]
    );
}
