//! Read, printed and read again, a resource is the same.

use meshpool::istio::{Gate, Manifest};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::expected::cases;
use crate::gates::read;

/// Reads what a manifest prints, through the same gate, and compares.
fn check(first: &Manifest, gate: Gate) -> Result<(), TestCaseError> {
    let printed = first.to_string();
    let again = Manifest::parse("printed.yaml", &printed, gate);
    prop_assert!(first == &again, "{}\n{:?}", printed, again.problems());
    prop_assert_eq!(&again.to_string(), &printed);
    prop_assert_eq!(first.is_valid(), again.is_valid(), "{:?}", again.problems());
    Ok(())
}

#[test]
fn every_valid_case_is_the_same_again() {
    let mut checked = 0;
    for case in cases() {
        for gate in [Gate::Strict, Gate::Istiod] {
            let manifest = read(case["file"].as_str().unwrap(), gate);
            if manifest.is_valid() {
                check(&manifest, gate).unwrap();
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 102 + 104);
}

#[test]
fn a_rule_prints_in_one_form() {
    let text = "\
{apiVersion: networking.istio.io/v1beta1, kind: DestinationRule,
 metadata: {name: user, creationTimestamp: '2024-05-01T12:00:00+02:00', annotations: {a/b: 'on'}},
 spec: {host: user, export_to: [.],
  trafficPolicy: {connectionPool: {tcp: {maxConnections: '8', connectTimeout: 90s}},
   tls: {mode: SIMPLE, subjectAltNames: []}, retryBudget: {percent: 20}},
  subsets: [{name: v1, labels: {version: '1'}}, {name: v2}]}}";
    let manifest = Manifest::parse("rule.yaml", text, Gate::Istiod);
    assert_eq!(
        manifest.to_string(),
        "\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: user
  creationTimestamp: \"2024-05-01T10:00:00Z\"
  annotations:
    a/b: \"on\"
spec:
  host: user
  exportTo:
  - \".\"
  trafficPolicy:
    connectionPool:
      tcp:
        maxConnections: 8
        connectTimeout: 1m30s
    retryBudget:
      percent: 20.0
    tls:
      mode: SIMPLE
      subjectAltNames: []
  subsets:
  - name: v1
    labels:
      version: \"1\"
  - name: v2
"
    );
}

/// Any JSON of some depth, as blocks have it that are kept as they are.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any_text(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A block that is kept as it is.
fn any_block() -> BoxedStrategy<Value> {
    prop::collection::btree_map(any_text(), any_json(), 0..4)
        .prop_map(|map| json!(map))
        .boxed()
}

/// Texts that YAML might take for something else, and any others.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "[-+.0-9eExXob_:yYnN~]{0,6}",
        "(true|no|On|null|~|<<|=|---|\\.\\.\\.|2024-05-01|1:30|10s|0o7|.inf|- a|a: b|a #b|'|\"| a )",
        "\\PC{0,8}",
        any::<String>().prop_map(|text| text.chars().take(12).collect()),
    ]
}

fn duration() -> impl Strategy<Value = Value> {
    let units = prop_oneof![
        Just("ns"),
        Just("us"),
        Just("ms"),
        Just("s"),
        Just("m"),
        Just("h")
    ];
    (-100_000i32..100_000, units).prop_map(|(number, unit)| format!("{number}{unit}").into())
}

fn labels() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(any_text(), any_text(), 0..3).prop_map(|map| json!(map))
}

/// A mapping with some of these fields.
fn block(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| prop::option::of(value).prop_map(move |value| (name, value)))
        .collect();
    fields
        .prop_map(|fields| {
            let set = fields.into_iter();
            let set = set.filter_map(|(name, value)| Some((name.to_owned(), value?)));
            Value::Object(set.collect::<Map<_, _>>())
        })
        .boxed()
}

fn list(item: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    prop::collection::vec(item, 0..3)
        .prop_map(Value::from)
        .boxed()
}

fn one_of(names: &'static [&'static str]) -> BoxedStrategy<Value> {
    prop::sample::select(names).prop_map(Value::from).boxed()
}

fn keepalive() -> BoxedStrategy<Value> {
    block(vec![
        ("probes", any::<u32>().prop_map(Value::from).boxed()),
        ("time", duration().boxed()),
        ("interval", duration().boxed()),
    ])
}

fn pool() -> BoxedStrategy<Value> {
    let int = || any::<i32>().prop_map(Value::from).boxed();
    let time = || duration().boxed();
    let tcp = block(vec![
        ("maxConnections", int()),
        ("connectTimeout", time()),
        ("tcpKeepalive", keepalive()),
        ("maxConnectionDuration", time()),
        ("idleTimeout", time()),
    ]);
    let http = block(vec![
        ("http1MaxPendingRequests", int()),
        ("http2MaxRequests", int()),
        ("maxRequestsPerConnection", int()),
        ("maxRetries", int()),
        ("idleTimeout", time()),
        (
            "h2UpgradePolicy",
            one_of(&["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"]),
        ),
        (
            "useClientProtocol",
            any::<bool>().prop_map(Value::from).boxed(),
        ),
        ("maxConcurrentStreams", int()),
        (
            "http2KeepAlive",
            block(vec![("interval", time()), ("timeout", time())]),
        ),
    ]);
    block(vec![("tcp", tcp), ("http", http)])
}

fn outlier() -> BoxedStrategy<Value> {
    let int = || any::<i32>().prop_map(Value::from).boxed();
    let uint = || any::<u32>().prop_map(Value::from).boxed();
    block(vec![
        ("consecutiveErrors", int()),
        ("consecutive5xxErrors", uint()),
        ("consecutiveGatewayErrors", uint()),
        (
            "splitExternalLocalOriginErrors",
            any::<bool>().prop_map(Value::from).boxed(),
        ),
        ("consecutiveLocalOriginFailures", uint()),
        ("interval", duration().boxed()),
        ("baseEjectionTime", duration().boxed()),
        ("maxEjectionPercent", int()),
        ("minHealthPercent", int()),
        ("outlierDetectionHttpErrorCodes", list(uint())),
    ])
}

fn policy() -> BoxedStrategy<Value> {
    let uint = || any::<u32>().prop_map(Value::from).boxed();
    let port = block(vec![
        ("port", block(vec![("number", uint())])),
        ("connectionPool", pool()),
        ("outlierDetection", outlier()),
        ("loadBalancer", any_block()),
        ("tls", any_block()),
    ]);
    let budget = block(vec![
        ("percent", any::<f64>().prop_map(Value::from).boxed()),
        ("minRetryConcurrency", uint()),
        ("budgetInterval", duration().boxed()),
    ]);
    block(vec![
        ("connectionPool", pool()),
        ("portLevelSettings", list(port)),
        ("outlierDetection", outlier()),
        ("retryBudget", budget),
        ("loadBalancer", any_block()),
        ("tls", any_block()),
        ("tunnel", any_block()),
        ("proxyProtocol", any_block()),
    ])
}

fn object() -> impl Strategy<Value = Value> {
    let text = || any_text().prop_map(Value::from).boxed();
    let uint = || any::<u32>().prop_map(Value::from).boxed();
    let selector = |name| block(vec![(name, labels().boxed())]);
    let subset = block(vec![
        ("name", text()),
        ("labels", labels().boxed()),
        ("trafficPolicy", policy()),
    ]);
    let rule = block(vec![
        ("host", text()),
        ("exportTo", list(text())),
        ("workloadSelector", selector("matchLabels")),
        ("trafficPolicy", policy()),
        ("subsets", list(subset)),
    ]);
    let port = block(vec![
        ("number", uint()),
        ("protocol", text()),
        ("name", text()),
        ("targetPort", uint()),
    ]);
    let listener = block(vec![
        ("port", port),
        ("connectionPool", pool()),
        ("bind", text()),
        ("captureMode", one_of(&["DEFAULT", "IPTABLES", "NONE"])),
        ("defaultEndpoint", text()),
        ("tls", any_block()),
    ]);
    let sidecar = block(vec![
        ("workloadSelector", selector("labels")),
        ("ingress", list(listener)),
        ("inboundConnectionPool", pool()),
        ("egress", list(any_block())),
        ("outboundTrafficPolicy", any_block()),
    ]);
    let mesh = block(vec![
        ("connectTimeout", duration().boxed()),
        ("rootNamespace", text()),
        ("tcpKeepalive", keepalive()),
        ("h2UpgradePolicy", one_of(&["DO_NOT_UPGRADE", "UPGRADE"])),
        ("defaultDestinationRuleExportTo", list(text())),
        (
            "defaultTrafficPolicy",
            block(vec![
                ("connectionPool", pool()),
                ("outlierDetection", outlier()),
            ]),
        ),
        ("enableTracing", any_json().boxed()),
    ]);
    let metadata = block(vec![
        ("name", text()),
        ("namespace", text()),
        ("annotations", labels().boxed()),
        (
            "creationTimestamp",
            Just(json!("2024-05-01T12:00:00.25Z")).boxed(),
        ),
    ]);
    let spec = prop_oneof![
        rule.prop_map(|spec| ("DestinationRule", spec)),
        sidecar.prop_map(|spec| ("Sidecar", spec)),
        mesh.prop_map(|spec| ("MeshConfig", spec)),
    ];
    (metadata, spec).prop_map(|(metadata, (kind, spec))| {
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": kind,
            "metadata": metadata, "spec": spec,
        })
    })
}

proptest! {
    #[test]
    fn every_resource_is_the_same_again(object in object()) {
        for gate in [Gate::Strict, Gate::Istiod] {
            let first = Manifest::parse("rule.json", object.to_string(), gate);
            prop_assert_eq!(first.len(), 1);
            check(&first, gate)?;
        }
    }
}
