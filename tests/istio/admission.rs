//! The checks of Istio's admission beside those of pools: each as error or warning, at its path.

use meshpool::istio::{Gate, Manifest};

/// `severity path` of each problem of a text.
fn found(text: &str) -> Vec<String> {
    let manifest = Manifest::parse("rule.yaml", text, Gate::Strict);
    let problems = manifest.problems().iter();
    problems
        .map(|problem| format!("{} {}", problem.severity(), problem.path()))
        .collect()
}

/// A rule with these fields in its spec, and these in its metadata.
fn rule(metadata: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: networking.istio.io/v1, kind: DestinationRule, \
         metadata: {{name: user, {metadata}}}, spec: {{host: user, {spec}}}}}"
    )
}

fn spec(spec: &str) -> Vec<String> {
    found(&rule("namespace: shop", spec))
}

#[test]
fn annotations_of_istio_are_not_the_users() {
    let of = |name: &str, annotation: &str| {
        let text = rule(
            &format!("annotations: {{{annotation}: x}}"),
            "exportTo: ['*']",
        );
        found(&text.replace("name: user", &format!("name: {name}")))
    };
    let error = |annotation: &str| vec![format!("error metadata.annotations.{annotation}")];
    for annotation in [
        "istio.io/dry-run",
        "internal.istio.io/parents",
        "internal.istio.io/parent-namespace",
        "internal.istio.io/webhook-always-reject",
    ] {
        assert_eq!(of("user", annotation), error(annotation));
    }
    assert_eq!(of("user", "example.com/any"), [""; 0]);
    // istiod's own rules, as a dump of its configuration has them.
    assert_eq!(
        of("user~istio-gateway", "internal.istio.io/parents"),
        [""; 0]
    );
    assert_eq!(
        of("user~istio-gateway", "istio.io/dry-run"),
        error("istio.io/dry-run")
    );
}

#[test]
fn export_to_names_namespaces_once() {
    assert_eq!(spec("exportTo: ['.', other]"), [""; 0]);
    assert_eq!(spec("exportTo: ['*']"), [""; 0]);
    assert_eq!(spec("exportTo: []"), [""; 0]);
    assert_eq!(spec("exportTo: ['.', shop]"), ["error spec.exportTo[1]"]);
    assert_eq!(spec("exportTo: ['~']"), ["error spec.exportTo[0]"]);
    assert_eq!(spec("exportTo: ['']"), ["error spec.exportTo[0]"]);
    assert_eq!(spec("exportTo: ['*', other]"), ["error spec.exportTo"]);
    let selector = |export: &str| {
        spec(&format!(
            "workloadSelector: {{matchLabels: {{a: b}}}}, {export}"
        ))
    };
    assert_eq!(selector("exportTo: []"), [""; 0]);
    assert_eq!(selector("exportTo: ['.']"), [""; 0]);
    assert_eq!(selector("exportTo: [shop]"), [""; 0]);
    assert_eq!(selector("exportTo: ['*']"), ["error spec.exportTo"]);
    assert_eq!(selector("exportTo: [other]"), ["error spec.exportTo"]);
    assert_eq!(selector("exportTo: ['.', other]"), ["error spec.exportTo"]);
}

#[test]
fn a_rule_without_a_namespace_is_in_the_default_one() {
    let text = |export: &str| rule("labels: {}", &format!("exportTo: ['.', {export}]"));
    assert_eq!(found(&text("default")), ["error spec.exportTo[1]"]);
    assert_eq!(found(&text("shop")), [""; 0]);
}

#[test]
fn a_selector_compares_whole_labels() {
    assert_eq!(
        spec("workloadSelector: {}"),
        ["warning spec.workloadSelector"]
    );
    assert_eq!(
        spec("workloadSelector: {matchLabels: {a: 'b*'}}"),
        ["error spec.workloadSelector.matchLabels.a"]
    );
    assert_eq!(
        spec("workloadSelector: {matchLabels: {'*': b}}"),
        ["error spec.workloadSelector.matchLabels.*"]
    );
    assert_eq!(
        spec("workloadSelector: {matchLabels: {'': b}}"),
        ["error spec.workloadSelector.matchLabels"]
    );
}

#[test]
fn subsets_have_names_and_labels() {
    assert_eq!(
        spec("subsets: [{name: v1, labels: {version: v1, a/b: ''}}]"),
        [""; 0]
    );
    assert_eq!(
        spec("subsets: [{name: v_1}]"),
        ["error spec.subsets[0].name"]
    );
    assert_eq!(
        spec("subsets: [{name: a}, {name: a}]"),
        ["error spec.subsets[1].name"]
    );
    assert_eq!(
        spec("subsets: [{name: a, labels: {'a b': c}}]"),
        ["error spec.subsets[0].labels.a b"]
    );
    assert_eq!(
        spec("subsets: [{name: a, labels: {a: '-'}}]"),
        ["error spec.subsets[0].labels.a"]
    );
}

#[test]
fn a_warning_inside_a_subset_or_a_port_is_a_notice_as_istio_loses_it() {
    let outlier = "outlierDetection: {consecutiveErrors: 5}";
    let path = "outlierDetection.consecutiveErrors";
    assert_eq!(
        spec(&format!("trafficPolicy: {{{outlier}}}")),
        [format!("warning spec.trafficPolicy.{path}")]
    );
    assert_eq!(
        spec(&format!(
            "subsets: [{{name: a, trafficPolicy: {{{outlier}}}}}]"
        )),
        [format!("notice spec.subsets[0].trafficPolicy.{path}")]
    );
    assert_eq!(
        spec(&format!(
            "trafficPolicy: {{portLevelSettings: [{{port: {{number: 80}}, {outlier}}}]}}"
        )),
        [format!(
            "notice spec.trafficPolicy.portLevelSettings[0].{path}"
        )]
    );
}

fn sidecar(spec: &str) -> Vec<String> {
    found(&format!(
        "{{apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: {{name: user}}, \
         spec: {{{spec}}}}}"
    ))
}

#[test]
fn a_sidecar_has_something_to_say_and_listeners_have_ports() {
    assert_eq!(sidecar(""), ["error spec"]);
    assert_eq!(sidecar("egress: [{hosts: ['*/*']}]"), [""; 0]);
    assert_eq!(
        sidecar("inboundConnectionPool: {}"),
        ["error spec.inboundConnectionPool"]
    );
    assert_eq!(
        sidecar("ingress: [{bind: 0.0.0.0}]"),
        ["error spec.ingress[0].port"]
    );
    assert_eq!(
        sidecar("ingress: [{port: {number: 80}}, {port: {number: 80}}]"),
        ["error spec.ingress[1].port.number"]
    );
    assert_eq!(
        sidecar("ingress: [{port: {number: 70000}}]"),
        ["error spec.ingress[0].port.number"]
    );
    assert_eq!(
        sidecar("workloadSelector: {labels: {a: '*'}}, egress: [{}]"),
        ["error spec.workloadSelector.labels.a"]
    );
    assert_eq!(
        sidecar("ingress: [{port: {number: 80, protocol: TCP}, connectionPool: {http: {}}}]"),
        ["warning spec.ingress[0].connectionPool.http"]
    );
    assert_eq!(
        sidecar("ingress: [{port: {number: 80, protocol: GRPC}, connectionPool: {http: {}}}]"),
        [""; 0]
    );
}

#[test]
fn the_baseline_of_the_mesh_is_checked_but_for_its_keepalive() {
    let mesh = |settings: &str| {
        found(&format!(
            "{{apiVersion: x, kind: MeshConfig, spec: {{{settings}}}}}"
        ))
    };
    let baseline = |policy: &str| mesh(&format!("defaultTrafficPolicy: {{{policy}}}"));
    let path = "spec.defaultTrafficPolicy";
    assert_eq!(
        baseline("connectionPool: {http: {http2KeepAlive: {}}}"),
        [""; 0]
    );
    assert_eq!(
        baseline("connectionPool: {}"),
        [format!("error {path}.connectionPool")]
    );
    assert_eq!(
        baseline("outlierDetection: {maxEjectionPercent: 101}"),
        [format!("error {path}.outlierDetection.maxEjectionPercent")]
    );
    for time in ["0s", "-1s", "1500us", "61m"] {
        let settings = format!("connectTimeout: {time}");
        assert_eq!(mesh(&settings), ["error spec.connectTimeout"], "{time}");
    }
    assert_eq!(mesh("connectTimeout: 1h"), [""; 0]);
    for field in ["time", "interval"] {
        let of = |time| mesh(&format!("tcpKeepalive: {{{field}: {time}}}"));
        for time in ["0s", "-1s", "1500us"] {
            let error = format!("error spec.tcpKeepalive.{field}");
            assert_eq!(of(time), [error], "{time}");
        }
        assert_eq!(of("1ms"), [""; 0]);
    }
    assert_eq!(mesh("connectTimout: 5s"), ["error spec.connectTimout"]);
    // Of its fifty other settings none bears on pools.
    assert_eq!(
        mesh("enableTracing: true, inboundTrafficPolicy: {}, brandNew: 1"),
        [""; 0]
    );
}

#[test]
fn the_mesh_in_a_config_map_is_a_document_with_places_of_its_own() {
    let text = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: istio-canary
  namespace: istio-system
data:
  meshNetworks: 'networks: {}'
  mesh: |-
    # a comment
    rootNamespace: istio-system
    defaultTrafficPolicy:
      connectionPool:
        tcp: {maxConnections: -1}
    connectTimeout: 5
";
    let manifest = Manifest::parse("mesh.yaml", text, Gate::Strict);
    let problems: Vec<_> = manifest
        .problems()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        problems,
        [
            "mesh.yaml:13:31: error: \
             data.mesh.defaultTrafficPolicy.connectionPool.tcp.maxConnections: -1 is negative: \
             expected 0 (unlimited) or more",
            "mesh.yaml:14:21: error: data.mesh.connectTimeout: expected a duration with units, \
             such as 1.5s, 1m30s or 500ms, found the number `5`",
        ]
    );
    // Of a text in quotes only its beginning has a place; of a map with another name nothing is ours.
    let json = serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio"},
        "data": {"mesh": "connectTimeout: 5\n"},
    });
    let quoted = Manifest::parse("mesh.json", json.to_string(), Gate::Istiod);
    assert_eq!(quoted.problems().len(), 1);
    assert_eq!(quoted.problems()[0].position().unwrap().line, 1);
    let other = Manifest::parse(
        "mesh.yaml",
        text.replace("istio-canary", "istiod"),
        Gate::Strict,
    );
    assert!(other.is_valid() && other.is_empty());
}

#[test]
fn broken_texts_in_a_config_map_are_errors_at_their_place() {
    let text = |mesh: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio}}\ndata:\n  mesh: |\n{mesh}"
        )
    };
    for (mesh, line, part) in [
        ("    a: [\n", 7, "not valid YAML"),
        ("    a: 1\n    a: 2\n", 7, "stands twice"),
        ("    a: 1\n    ---\n    b: 1\n", 8, "a second document"),
        ("    - a\n", 6, "expected a mapping"),
    ] {
        let manifest = Manifest::parse("mesh.yaml", text(mesh), Gate::Strict);
        let [problem] = manifest.problems() else {
            panic!("{mesh}: {:?}", manifest.problems());
        };
        assert!(problem.message().contains(part), "{problem}");
        assert!(problem.path().starts_with("data.mesh"), "{problem}");
        assert_eq!(problem.position().unwrap().line, line, "{problem}");
    }
    let empty = Manifest::parse("mesh.yaml", text("    # nothing\n"), Gate::Strict);
    assert!(empty.is_valid() && empty.len() == 1);
}
