//! The keep-alive of connections: what is told of it, and what is warned of, of a rule's and of the
//! mesh's.

use meshpool::istio::{Explanation, Gate, OnFull, Problem, Query, RuleSet, Service};

/// The explanation of a rule's `tcpKeepalive` and of the mesh's.
fn explain(of_rule: &str, of_mesh: &str) -> Explanation {
    let rule = format!(
        "{{apiVersion: networking.istio.io/v1, kind: DestinationRule, \
         metadata: {{name: user, namespace: demo}}, spec: {{host: user, trafficPolicy: \
         {{connectionPool: {{tcp: {of_rule}}}}}}}}}"
    );
    let mesh = format!("{{apiVersion: mesh, kind: MeshConfig, spec: {of_mesh}}}");
    let set = RuleSet::builder()
        .document("rules.yaml", rule)
        .document("mesh.yaml", mesh)
        .build();
    assert!(set.is_valid(), "{:?}", set.problems());
    let query = Query::outbound(Service::new("user").namespace("demo"));
    set.explain(&query, OnFull::Refuse)
}

fn told(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// The rows of the keep-alive, and the warnings.
fn of_rule(block: &str) -> (Vec<String>, Vec<String>) {
    let explanation = explain(&format!("{{tcpKeepalive: {block}}}"), "{}");
    let rows = explanation.limits.iter();
    let rows = rows.filter_map(|row| {
        let name = row.field.strip_prefix("tcp_keep_alive")?;
        assert!(row.why.unwrap().contains("KeepAliveConnector"));
        Some(format!("{name} {}", row.value))
    });
    (rows.collect(), told(&explanation.problems))
}

#[test]
fn a_keep_alive_is_told_as_far_as_it_is_said() {
    let on = |rows: &[&str]| (rows.iter().map(ToString::to_string).collect(), vec![]);
    assert_eq!(of_rule("{}"), on(&[" on"]));
    assert_eq!(of_rule("{time: 60s}"), on(&[" on", ".time 1m0s"]));
    assert_eq!(
        of_rule("{time: 32767s, interval: 1s, probes: 127}"),
        on(&[" on", ".time 9h6m7s", ".interval 1s", ".probes 127"])
    );
    let (rows, _) = of_rule("{time: 500ms, probes: 3}");
    assert_eq!(rows, [" off", ".time 0s", ".probes 3"]);
}

#[test]
fn what_the_system_makes_something_else_of_is_a_warning() {
    for (block, why) in [
        (
            "{time: 500ms}",
            "time: 500ms is no whole second, which turns the keep-alive off",
        ),
        (
            "{time: 1500ms}",
            "time: 1.5s is 1s: the system counts whole seconds",
        ),
        (
            "{interval: 1001ms}",
            "interval: 1.001s is 1s: the system counts whole seconds",
        ),
        (
            "{time: 10h}",
            "time: 10h0m0s is more than Linux takes, 32767s: every connect fails",
        ),
        (
            "{interval: 10h}",
            "interval: 10h0m0s is more than Linux takes, 32767s: every connect fails",
        ),
        (
            "{probes: 200}",
            "probes: 200 are more than Linux takes, 127: every connect fails",
        ),
        (
            "{probes: 0}",
            "probes: 0 is unset: what else says a number holds, or the system's default",
        ),
    ] {
        let (_, warned) = of_rule(block);
        let [warned] = &warned[..] else {
            panic!("{block}: {warned:?}");
        };
        let why = format!("warning: spec.trafficPolicy.connectionPool.tcp.tcpKeepalive.{why}");
        assert!(warned.ends_with(&why), "{warned}");
    }
}

#[test]
fn the_meshs_is_looked_at_where_the_rule_leaves_it_out() {
    let mesh = "{tcpKeepalive: {time: 1500ms, interval: 10h, probes: 0}}";
    let warned = |tcp: &str| -> Vec<String> {
        let problems = explain(tcp, mesh).problems;
        let of_mesh = problems.iter().filter_map(|problem| {
            let field = problem.path().strip_prefix("spec.tcpKeepalive.")?;
            assert_eq!(problem.file().to_str(), Some("mesh.yaml"));
            assert_eq!(problem.position().unwrap().line, 1);
            Some(format!("{field} {}", problem.message()))
        });
        of_mesh.collect()
    };
    let all = [
        "time 1.5s is 1s: the system counts whole seconds",
        "interval 10h0m0s is more than Linux takes, 32767s: every connect fails",
        "probes 0 is unset: what else says a number holds, or the system's default",
    ];
    assert_eq!(warned("{maxConnections: 1}"), all);
    assert_eq!(warned("{tcpKeepalive: {}}"), all);
    assert_eq!(warned("{tcpKeepalive: {time: 60s}}"), all[1..]);
    assert_eq!(
        warned("{tcpKeepalive: {time: 60s, interval: 1s, probes: 3}}"),
        [""; 0]
    );
    // What is 0 in the rule says nothing, so that of the mesh counts.
    assert_eq!(
        warned("{tcpKeepalive: {time: 60s, interval: 1s, probes: 0}}"),
        all[2..]
    );
}

#[test]
fn the_meshs_does_not_bear_on_requests_that_are_served() {
    let mesh = "{apiVersion: mesh, kind: MeshConfig, spec: {tcpKeepalive: {time: 1500ms}}}";
    let set = RuleSet::builder().document("mesh.yaml", mesh).build();
    let warned = |query: &Query| {
        let problems = set.explain(query, OnFull::Refuse).problems;
        let mut paths = problems.iter().map(Problem::path);
        paths.any(|path| path == "spec.tcpKeepalive.time")
    };
    assert!(warned(&Query::outbound(Service::new("user"))));
    assert!(!warned(&Query::inbound(Service::new("user"))));
}

#[test]
fn a_negative_time_that_only_istiods_gate_lets_through_is_a_warning() {
    let mesh = "{apiVersion: mesh, kind: MeshConfig, spec: {tcpKeepalive: {time: -5s}}}";
    let set = RuleSet::builder()
        .gate(Gate::Istiod)
        .document("mesh.yaml", mesh)
        .build();
    assert!(set.is_valid(), "{:?}", set.problems());
    let query = Query::outbound(Service::new("user"));
    assert_eq!(
        told(&set.explain(&query, OnFull::Refuse).problems)
            .iter()
            .filter(|told| told.contains("spec.tcpKeepalive.time"))
            .collect::<Vec<_>>(),
        [
            "mesh.yaml:1:66: warning: spec.tcpKeepalive.time: -5s is too short: expected 1ms or more",
            "mesh.yaml:1:66: warning: spec.tcpKeepalive.time: -5s is negative, which Istio takes \
             for more than Linux does: every connect fails",
        ]
    );
}
