//! Istio's own verdicts on single files, through both gates, each with what is made of it here.
//!
//! `data/cases/expected.json` says what Istio's functions decided, `data/table.txt` for each
//! case, gate and field whether the outcome here is the same, or different on purpose and why.

use std::collections::BTreeSet;
use std::fs;

use meshpool::istio::{Gate, Manifest, Severity};
use serde_json::Value;

use crate::expected::{Part, cases, data, table};

/// The verdicts on a case: behind istiod's gate whether it is valid, how many warnings there are,
/// and whether fields were ignored that are unknown; behind the strict one whether it is valid,
/// and what the schema of the CRD adds.
const FIELDS: [(&str, &str); 5] = [
    ("istiod", "valid"),
    ("istiod", "warnings"),
    ("istiod", "unknown_fields_ignored"),
    ("strict", "valid"),
    ("strict", "crd"),
];

pub(crate) fn read(file: &str, gate: Gate) -> Manifest {
    let text = fs::read(data().join(file)).unwrap();
    Manifest::parse(file, text, gate)
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(|text| text.as_str().unwrap())
}

fn error_paths(manifest: &Manifest) -> BTreeSet<&str> {
    let errors = manifest.problems().iter();
    errors
        .filter(|problem| problem.severity() == Severity::Error)
        .map(|problem| problem.path())
        .collect()
}

/// Whether a field's outcome here is Istio's.
fn is_same(case: &Value, gate: &str, field: &str) -> bool {
    let file = case["file"].as_str().unwrap();
    let istiod = read(file, Gate::Istiod);
    let strict = read(file, Gate::Strict);
    let documents = case["docs"].as_array().unwrap();
    let warnings = || {
        let warnings = istiod.problems().iter();
        warnings.filter(|problem| problem.severity() == Severity::Warning)
    };
    let is_unknown = |message: &str| message.starts_with("unknown field");
    // The schema's errors, and what it prunes: a null is as good as absent, the rest is lost.
    let of_schema: BTreeSet<_> = documents
        .iter()
        .flat_map(|document| {
            let errors = texts(&document["crd_schema_errors"]);
            let pruned = texts(&document["crd_pruned"]);
            errors
                .map(|error| error.split_once(": ").unwrap().0)
                .chain(pruned.filter(|path| !path.ends_with(" (null)")))
        })
        .collect();
    match (gate, field) {
        ("istiod", "valid") => istiod.is_valid() == (case["valid"] == true),
        ("istiod", "warnings") => {
            let found = warnings().filter(|problem| !is_unknown(problem.message()));
            found.count() == case["warnings"].as_array().unwrap().len()
        }
        ("istiod", "unknown_fields_ignored") => {
            let ignored = documents
                .iter()
                .any(|document| document["unknown_fields_ignored"] == true);
            warnings().any(|problem| is_unknown(problem.message())) == ignored
        }
        ("strict", "valid") => {
            let expected = case["valid"] == true && of_schema.is_empty();
            strict.is_valid() == expected
        }
        ("strict", "crd") => {
            let (strict, istiod) = (error_paths(&strict), error_paths(&istiod));
            of_schema.is_subset(&strict)
                && strict
                    .difference(&istiod)
                    .all(|path| of_schema.contains(path))
        }
        _ => panic!("{gate} {field}"),
    }
}

#[test]
fn each_verdict_is_as_the_table_says() {
    let mut table = table(Part::Verdict);
    let cases = cases();
    assert_eq!(cases.len(), 154);
    let mut wrong = Vec::new();
    let mut counts = [0, 0];
    for case in &cases {
        for (gate, field) in FIELDS {
            let file = case["file"].as_str().unwrap();
            let same = is_same(case, gate, field);
            let key = [file, gate, field].map(str::to_owned);
            match table.remove(&key) {
                Some(expected) if expected.is_same() == same => counts[usize::from(same)] += 1,
                _ => wrong.push(format!("{file} | {gate} | {field} | same: {same}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(table.is_empty(), "{table:?}");
    let [different, same] = counts;
    assert_eq!((same, different), (769, 1));
}

#[test]
fn each_problem_has_a_place_in_its_file() {
    for case in cases() {
        let file = case["file"].as_str().unwrap();
        let text = fs::read_to_string(data().join(file)).unwrap();
        let lines: Vec<_> = text.lines().collect();
        for gate in [Gate::Strict, Gate::Istiod] {
            for problem in read(file, gate).problems() {
                let at = problem.position().unwrap_or_else(|| panic!("{problem}"));
                let line = lines[at.line as usize - 1];
                assert!((at.column as usize) <= line.chars().count(), "{problem}");
                assert!(!problem.path().is_empty(), "{problem}");
            }
        }
    }
}

fn parse(text: &str, gate: Gate) -> Manifest {
    Manifest::parse("rule.yaml", text, gate)
}

/// A rule with this pool, in one line.
fn pool(pool: &str) -> String {
    format!(
        "{{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {{name: user}}, \
         spec: {{host: user, trafficPolicy: {{connectionPool: {pool}}}}}}}"
    )
}

/// The texts mean the same behind istiod's gate, and the first is an error behind the strict one.
fn istiod_takes(lenient: &str, plain: &str) {
    let read = parse(lenient, Gate::Istiod);
    assert!(read.is_valid(), "{lenient}: {:?}", read.problems());
    assert_eq!(read, parse(plain, Gate::Strict), "{lenient}");
    assert!(!parse(lenient, Gate::Strict).is_valid(), "{lenient}");
}

#[test]
fn istiod_takes_what_its_json_reader_takes() {
    let hundred = pool("{tcp: {maxConnections: 100}}");
    for written in [
        "{tcp: {maxConnections: '100'}}",
        "{tcp: {maxConnections: ' 100 '}}",
        "{tcp: {max_connections: 100}}",
    ] {
        istiod_takes(&pool(written), &hundred);
    }
    let upgrade = pool("{http: {h2UpgradePolicy: UPGRADE}}");
    istiod_takes(&pool("{http: {h2UpgradePolicy: 2}}"), &upgrade);
    istiod_takes(&pool("{http: {h2_upgrade_policy: 2.0}}"), &upgrade);
    let rule = |rest: &str| {
        format!(
            "{{apiVersion: networking.istio.io/v1, kind: DestinationRule, spec: {{host: user, \
             {rest}}}}}"
        )
    };
    istiod_takes(
        &rule("traffic_policy: {outlier_detection: {consecutive_5xx_errors: '3'}}"),
        &rule("trafficPolicy: {outlierDetection: {consecutive5xxErrors: 3}}"),
    );
    istiod_takes(
        &rule("trafficPolicy: {retryBudget: {percent: '12.5'}}"),
        &rule("trafficPolicy: {retryBudget: {percent: 12.5}}"),
    );
    istiod_takes(
        &rule("workload_selector: {match_labels: {a: b}}"),
        &rule("workloadSelector: {matchLabels: {a: b}}"),
    );
}

#[test]
fn what_istiod_refuses_is_refused_behind_both_gates() {
    for written in [
        "{tcp: {maxConnections: 1.5}}",
        "{tcp: {maxConnections: 2147483648}}",
        "{tcp: {maxConnections: '0x10'}}",
        "{tcp: {maxConnections: '1e2'}}",
        "{tcp: {maxConnections: true}}",
        "{tcp: {maxConnections: [1]}}",
        "{tcp: {connectTimeout: 5}}",
        "{tcp: {connectTimeout: '5'}}",
        "{tcp: {connectTimeout: 1d}}",
        "{tcp: {tcpKeepalive: {probes: -1}}}",
        "{tcp: []}",
        "{http: {h2UpgradePolicy: upgrade}}",
        "{http: {h2UpgradePolicy: '2'}}",
        "{http: {useClientProtocol: 'true'}}",
        "{}",
    ] {
        for gate in [Gate::Strict, Gate::Istiod] {
            assert!(!parse(&pool(written), gate).is_valid(), "{written} {gate}");
        }
    }
}

/// An object of this kind with this spec, in one line.
fn object(kind: &str, spec: &str) -> String {
    format!("{{apiVersion: networking.istio.io/v1, kind: {kind}, spec: {{{spec}}}}}")
}

#[test]
fn what_is_only_kept_has_its_type_all_the_same() {
    let policy = |block: &str| format!("host: user, trafficPolicy: {{{block}}}");
    let port = |block: &str| {
        policy(&format!(
            "portLevelSettings: [{{port: {{number: 80}}, {block}}}]"
        ))
    };
    let listener = |field: &str| {
        format!(
            "inboundConnectionPool: {{tcp: {{}}}}, ingress: [{{port: {{number: 80}}, {field}}}]"
        )
    };
    let (of_port, of_listener) = ("trafficPolicy.portLevelSettings[0]", "ingress[0]");
    for (kind, spec, path, message) in [
        (
            "DestinationRule",
            policy("tls: abc"),
            "trafficPolicy.tls",
            "expected a mapping, found the string `abc`",
        ),
        (
            "DestinationRule",
            policy("loadBalancer: 5"),
            "trafficPolicy.loadBalancer",
            "expected a mapping, found the number `5`",
        ),
        (
            "DestinationRule",
            policy("tunnel: [{}]"),
            "trafficPolicy.tunnel",
            "expected a mapping, found a list",
        ),
        (
            "DestinationRule",
            policy("proxyProtocol: true"),
            "trafficPolicy.proxyProtocol",
            "expected a mapping, found the boolean true",
        ),
        (
            "DestinationRule",
            port("tls: DISABLE"),
            &format!("{of_port}.tls"),
            "expected a mapping, found the string `DISABLE`",
        ),
        (
            "DestinationRule",
            port("loadBalancer: ROUND_ROBIN"),
            &format!("{of_port}.loadBalancer"),
            "expected a mapping, found the string `ROUND_ROBIN`",
        ),
        (
            "Sidecar",
            "egress: 5".to_owned(),
            "egress",
            "expected a list, found the number `5`",
        ),
        (
            "Sidecar",
            "egress: {hosts: ['*/*']}".to_owned(),
            "egress",
            "expected a list, found a mapping",
        ),
        (
            "Sidecar",
            "egress: ['*/*']".to_owned(),
            "egress[0]",
            "expected a mapping, found the string `*/*`",
        ),
        (
            "Sidecar",
            "outboundTrafficPolicy: ALLOW_ANY".to_owned(),
            "outboundTrafficPolicy",
            "expected a mapping, found the string `ALLOW_ANY`",
        ),
        (
            "Sidecar",
            listener("bind: [1]"),
            &format!("{of_listener}.bind"),
            "expected a string, found a list",
        ),
        (
            "Sidecar",
            listener("defaultEndpoint: 8080"),
            &format!("{of_listener}.defaultEndpoint"),
            "expected a string (put it in quotes), found the number `8080`",
        ),
        (
            "Sidecar",
            listener("captureMode: iptables"),
            &format!("{of_listener}.captureMode"),
            "expected one of DEFAULT, IPTABLES, NONE, found the string `iptables`",
        ),
        (
            "Sidecar",
            listener("tls: SIMPLE"),
            &format!("{of_listener}.tls"),
            "expected a mapping, found the string `SIMPLE`",
        ),
    ] {
        for gate in [Gate::Strict, Gate::Istiod] {
            let read = parse(&object(kind, &spec), gate);
            let [problem] = read.problems() else {
                panic!("{spec} {gate}: {:?}", read.problems());
            };
            assert_eq!(problem.severity(), Severity::Error, "{problem} {gate}");
            assert_eq!(problem.path(), format!("spec.{path}"), "{gate}");
            assert_eq!(problem.message(), message, "{gate}");
        }
    }
}

#[test]
fn a_null_is_no_block_and_in_a_list_an_empty_one_to_istiod() {
    let tls = "host: user, trafficPolicy: {connectionPool: {tcp: {}}, tls: null}";
    let none = "host: user, trafficPolicy: {connectionPool: {tcp: {}}}";
    for gate in [Gate::Strict, Gate::Istiod] {
        let read = parse(&object("DestinationRule", tls), gate);
        assert!(read.is_valid(), "{:?}", read.problems());
        assert_eq!(read, parse(&object("DestinationRule", none), gate));
    }
    istiod_takes(
        &object("Sidecar", "egress: [null]"),
        &object("Sidecar", "egress: [{}]"),
    );
    istiod_takes(
        &object("Sidecar", "ingress: [{port: {number: 80}, captureMode: 1}]"),
        &object(
            "Sidecar",
            "ingress: [{port: {number: 80}, captureMode: IPTABLES}]",
        ),
    );
}

#[test]
fn istiod_ignores_a_typo_and_says_so() {
    let read = parse(&pool("{tcp: {maxConnection: 5}}"), Gate::Istiod);
    assert!(read.is_valid());
    let [problem] = read.problems() else {
        panic!("{:?}", read.problems());
    };
    assert_eq!(
        problem.to_string(),
        "rule.yaml:1:143: warning: spec.trafficPolicy.connectionPool.tcp.maxConnection: unknown \
         field `maxConnection`, ignored, did you mean `maxConnections`?"
    );
    // Fields of the object itself are nobody's to invent.
    let odd = pool("{tcp: {}}").replace("metadata:", "extra: 1, metadata:");
    assert!(!parse(&odd, Gate::Istiod).is_valid());
}

#[test]
fn of_a_field_under_both_names_the_first_name_counts() {
    let both = "{tcp: {max_connections: 1, maxConnections: 2}}";
    let read = parse(&pool(both), Gate::Istiod);
    assert!(read.is_valid());
    assert_eq!(
        read,
        parse(&pool("{tcp: {maxConnections: 2}}"), Gate::Strict)
    );
    assert!(
        read.problems()[0]
            .message()
            .contains("`maxConnections` stands here, too")
    );
}

#[test]
fn a_number_that_names_no_value_is_none_to_istiod() {
    let read = parse(&pool("{http: {h2UpgradePolicy: 7}}"), Gate::Istiod);
    assert!(read.is_valid());
    assert_eq!(read, parse(&pool("{http: {}}"), Gate::Strict));
    assert!(
        read.problems()[0]
            .message()
            .contains("no value has the number 7")
    );
}

#[test]
fn a_null_in_a_list_is_an_empty_item_to_istiod() {
    let rule = |rest: &str| {
        format!(
            "{{apiVersion: networking.istio.io/v1, kind: DestinationRule, spec: {{host: user, \
             {rest}}}}}"
        )
    };
    for (rest, path) in [
        ("exportTo: [~]", "spec.exportTo[0]"),
        ("subsets: [null]", "spec.subsets[0].name"),
        (
            "trafficPolicy: {portLevelSettings: [null]}",
            "spec.trafficPolicy.portLevelSettings[0].port",
        ),
    ] {
        for gate in [Gate::Strict, Gate::Istiod] {
            let read = parse(&rule(rest), gate);
            assert!(!read.is_valid(), "{rest} {gate}");
            if gate == Gate::Istiod {
                assert!(error_paths(&read).contains(path), "{:?}", read.problems());
            }
        }
    }
    let codes = "trafficPolicy: {outlierDetection: {outlierDetectionHttpErrorCodes: [null]}}";
    assert!(parse(&rule(codes), Gate::Istiod).is_valid());
    assert!(!parse(&rule(codes), Gate::Strict).is_valid());
}

#[test]
fn ranges_of_the_crd_hold_behind_the_strict_gate_alone() {
    let long = "x".repeat(64);
    for (rest, path) in [
        (
            "trafficPolicy: {retryBudget: {percent: 101}}",
            "spec.trafficPolicy.retryBudget.percent",
        ),
        (
            "trafficPolicy: {outlierDetection: {outlierDetectionHttpErrorCodes: [500, 99]}}",
            "spec.trafficPolicy.outlierDetection.outlierDetectionHttpErrorCodes[1]",
        ),
        (
            &format!("workloadSelector: {{matchLabels: {{a: {long}}}}}"),
            "spec.workloadSelector.matchLabels.a",
        ),
    ] {
        let text = format!(
            "{{apiVersion: networking.istio.io/v1, kind: DestinationRule, spec: {{host: user, \
             {rest}}}}}"
        );
        assert!(parse(&text, Gate::Istiod).is_valid(), "{rest}");
        let strict = parse(&text, Gate::Strict);
        assert_eq!(error_paths(&strict), BTreeSet::from([path]));
    }
}
