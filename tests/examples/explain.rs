//! `explain`, and `/explain` of the services: what is in force, and why.

use std::fs;
use std::path::{Path, PathBuf};

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::process::{RuleFile, client, get, json as parsed, output, text, within};
use crate::sidecar::Sidecar;
use crate::upstream::Upstream;
use crate::user::User;

/// Istio's cases, and what Istio's own functions made of them.
fn cases() -> (PathBuf, Vec<Value>) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/istio/data/cases");
    let expected = fs::read(data.join("expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    (data, expected["cases"].as_array().unwrap().clone())
}

/// A context of a case as flags; the mesh's settings in a file of that name.
fn flags(context: &Value, mesh: &Path) -> Vec<String> {
    let mut flags = Vec::new();
    let mut flag = |name: &str, value: &Value| {
        let value = match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        flags.extend([format!("--{name}"), value]);
    };
    for name in ["direction", "port", "subset"] {
        flag(name, &context[name]);
    }
    if !context["target_port"].is_null() {
        flag("target-port", &context["target_port"]);
    }
    // What Istio calls a port whose name says nothing.
    match context["protocol"].as_str().unwrap() {
        "UnsupportedProtocol" => flag("protocol", &json!("AUTO")),
        _ => flag("protocol", &context["protocol"]),
    }
    flag("host", &context["service"]["host"]);
    flag("namespace", &context["service"]["namespace"]);
    flag("client-namespace", &context["client"]["namespace"]);
    for (key, value) in context["client"]["labels"].as_object().unwrap() {
        flag(
            "client-label",
            &json!(format!("{key}={}", value.as_str().unwrap())),
        );
    }
    if context["mesh"] != json!({}) {
        fs::write(mesh, context["mesh"].to_string()).unwrap();
        flag("mesh", &json!(mesh));
    }
    flags
}

/// Whether a case is valid: in Istio, and through the strict gate also by the CRD, which must not
/// have to leave out a field.
fn is_valid(case: &Value, gate: &str) -> bool {
    let by_crd = || {
        let documents = case["docs"].as_array().unwrap().iter();
        let pruned = documents.filter_map(|document| document["crd_pruned"].as_array());
        let mut pruned = pruned.flatten().filter_map(Value::as_str);
        case["accepted_by_crd_schema"] == true && pruned.all(|path| path.ends_with(" (null)"))
    };
    case["valid"] == true && (gate == "istiod" || by_crd())
}

/// Asks of every case, and returns how often it did, and of how many checks it compared all.
async fn all_cases(gate: &str) -> (usize, usize) {
    let (data, cases) = cases();
    let directory = tempfile::tempdir().unwrap();
    let mesh = directory.path().join("mesh.yaml");
    let mut compared = (0, 0);
    for case in &cases {
        let file = case["file"].as_str().unwrap();
        let is_valid = is_valid(case, gate);
        let path = data.join(file);
        let common = ["--gate", gate, "--json", "--rules", path.to_str().unwrap()];
        let mut checks = case["checks"].as_array().unwrap().clone();
        if checks.is_empty() {
            // That it is valid or not can be asked without one.
            checks.push(Value::Null);
        }
        for check in &checks {
            let context = match check {
                Value::Null => vec!["--host".to_owned(), "reviews".to_owned()],
                check => flags(&check["context"], &mesh),
            };
            let context = context.iter().map(String::as_str);
            let output = output(
                "explain",
                &common.into_iter().chain(context).collect::<Vec<_>>(),
            )
            .await;
            let said = parsed(&output);
            assert_eq!(said["valid"], is_valid, "{file}: {:#}", said["problems"]);
            assert_eq!(
                output.status.code(),
                Some(if is_valid { 0 } else { 1 }),
                "{file}"
            );
            compared.0 += 1;
            // What got past the admission applies: istiod does not look at it again.
            if (is_valid || gate == "istiod") && !check.is_null() {
                assert_eq!(said["effective"], check["expect"], "{file}");
                let of_all = said["provenance"].as_array().unwrap();
                assert!(
                    of_all
                        .iter()
                        .all(|it| !it["source"].as_str().unwrap().is_empty())
                );
                compared.1 += 1;
            }
        }
    }
    compared
}

/// How often something is asked: each of the 150 checks, and once of a case without any.
const ASKED: usize = 216;

#[tokio::test]
async fn it_says_what_istio_says_of_every_case_through_the_strict_gate() {
    // 18 are of files that are not valid, and 2 of those that the strict reader refuses.
    assert_eq!(all_cases("strict").await, (ASKED, 130));
}

#[tokio::test]
async fn it_says_what_istio_says_of_every_case_through_istiods_gate() {
    assert_eq!(all_cases("istiod").await, (ASKED, 150));
}

#[tokio::test]
async fn where_istio_selects_oddly_it_says_so() {
    let (data, cases) = cases();
    for (file, part) in [
        (
            "216-superset-exportto-loses-visibility.yaml",
            "exported to fewer namespaces",
        ),
        (
            "217-selector-inherits-when-exportto-dot.yaml",
            "which has a workloadSelector",
        ),
    ] {
        let case = cases.iter().find(|case| case["file"] == file).unwrap();
        let context = flags(&case["checks"][0]["context"], Path::new("no mesh"));
        let path = data.join(file);
        let common = ["--json", "--rules", path.to_str().unwrap()];
        let context = context.iter().map(String::as_str);
        let flags: Vec<_> = common.into_iter().chain(context).collect();
        let said = parsed(&output("explain", &flags).await);
        let problems = said["problems"].as_array().unwrap();
        let found = problems
            .iter()
            .find(|it| it["message"].as_str().unwrap().contains(part));
        assert_eq!(found.expect(part)["severity"], "warning", "{file}");
    }
}

const RULE: &str = "\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: user, namespace: demo}
spec:
  host: user
  trafficPolicy:
    connectionPool:
      tcp: {maxConnections: 8}
      http: {http2MaxRequests: 4, maxRetries: 3, http2KeepAlive: {interval: 1s, timeout: 1s}}
    retryBudget: {percent: 25}
    portLevelSettings:
    - {port: {number: 80}, connectionPool: {http: {http2MaxRequests: 2}}}
    - {port: {number: 90}, tls: {mode: DISABLE}}
  subsets:
  - {name: v2, labels: {version: v2}, trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}}
";

/// What `explain` says of that rule in a file `user.yaml`.
async fn explained(more: &[&str]) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("user.yaml");
    fs::write(&path, RULE).unwrap();
    let path = path.to_str().unwrap();
    let flags = [
        "--json",
        "--rules",
        path,
        "--host",
        "user.demo.svc.cluster.local",
    ];
    let said = text(&output("explain", &[&flags, more].concat()).await.stdout);
    serde_json::from_str(&said.replace(path, "user.yaml")).unwrap()
}

fn of<'a>(rows: &'a Value, field: &str) -> &'a Value {
    let mut rows = rows.as_array().unwrap().iter();
    rows.find(|row| row["field"] == field).unwrap()
}

#[tokio::test]
async fn each_limit_has_its_source_and_what_it_overrode() {
    let said = explained(&["--port", "80"]).await;
    let policy = "demo/user, spec.trafficPolicy";
    assert_eq!(
        *of(&said["limits"], "max_requests"),
        json!({
            "field": "max_requests",
            "value": 2,
            "source": format!("{policy}.portLevelSettings[0].connectionPool.http.http2MaxRequests (user.yaml:12:70)"),
            "overrode": [format!("{policy}.connectionPool.http.http2MaxRequests (user.yaml:9:32)")],
        })
    );
    let connections = of(&said["limits"], "max_connections");
    assert_eq!(connections["value"], Value::Null);
    assert_eq!(connections["source"], "built-in default");
    assert_eq!(
        connections["overrode"],
        json!([format!(
            "{policy}.connectionPool.tcp.maxConnections (user.yaml:8:29)"
        )])
    );
    assert_eq!(of(&said["provenance"], "connect_timeout")["value"], "10s");

    // Of two limits on the same, the tighter one.
    let said = explained(&["--direction", "inbound"]).await;
    let requests = of(&said["limits"], "max_requests");
    assert_eq!(requests["value"], 4);
    let looser = format!("{policy}.connectionPool.tcp.maxConnections (user.yaml:8:29)");
    assert_eq!(requests["overrode"], json!([looser]));
}

#[tokio::test]
async fn each_field_without_effect_says_why() {
    let said = explained(&["--direction", "inbound"]).await;
    let why: Vec<_> = said["without_effect"]
        .as_array()
        .unwrap()
        .iter()
        .map(|idle| {
            (
                idle["path"].as_str().unwrap(),
                idle["why"].as_str().unwrap(),
            )
        })
        .collect();
    for (path, part) in [
        (
            "spec.trafficPolicy.connectionPool.http.maxRetries",
            "client's side",
        ),
        ("spec.trafficPolicy.retryBudget", "client's side"),
        ("spec.trafficPolicy.portLevelSettings[0]", "no port is said"),
        ("spec.subsets", "by which subset"),
    ] {
        let found = why.iter().find(|(found, _)| *found == path);
        let (_, found) = found.unwrap_or_else(|| panic!("nothing of {path} in {why:#?}"));
        assert!(found.contains(part), "{found}");
    }
    let said = explained(&["--port", "80"]).await;
    let why = said["without_effect"].to_string();
    assert!(why.contains("replaced as a whole by that of demo/user, spec.trafficPolicy.portLevelSettings[0].connectionPool"), "{why}");
    assert!(why.contains("for port 90, and not for 80"), "{why}");
    assert!(why.contains("for calls of the subset `v2` alone"), "{why}");
}

#[tokio::test]
async fn the_traps_of_ports_and_subsets_are_warned_of() {
    let said = explained(&[]).await;
    let warnings: Vec<_> = said["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            assert_eq!(it["severity"], "warning");
            assert_eq!(it["file"], "user.yaml");
            format!(
                "{} {} {}",
                it["line"],
                it["path"].as_str().unwrap(),
                it["message"].as_str().unwrap()
            )
        })
        .collect();
    let expected = [
        "12 spec.trafficPolicy.portLevelSettings[0].connectionPool it replaces that of the rule as a whole, and drops its tcp.maxConnections, http.maxRetries, http.http2KeepAlive",
        "12 spec.trafficPolicy.portLevelSettings[0] port 80 loses the rule's retryBudget",
        "13 spec.trafficPolicy.portLevelSettings[1] the settings of port 90 have no connectionPool",
        "15 spec.subsets[0].trafficPolicy.connectionPool it replaces that of the rule as a whole, and drops its http.http2MaxRequests, http.maxRetries, http.http2KeepAlive",
        "15 spec.subsets[0].trafficPolicy.connectionPool it holds on every port: that of the rule for port 80",
        "8 spec.trafficPolicy.connectionPool.http.http1MaxPendingRequests unset: any number of requests may wait for 8 connections",
    ];
    for expected in expected {
        assert!(
            warnings.iter().any(|it| it.starts_with(expected)),
            "{expected} in {warnings:#?}"
        );
    }
}

#[tokio::test]
async fn a_connection_for_each_request_is_warned_of_where_one_carries_many() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("rule.yaml");
    fs::write(
        &path,
        "{apiVersion: networking.istio.io/v1, kind: DestinationRule, \
        metadata: {name: user}, spec: {host: user, trafficPolicy: {connectionPool: \
        {http: {maxRequestsPerConnection: 1}}}}}",
    )
    .unwrap();
    for (protocol, direction, warned) in [
        ("GRPC", "inbound", true),
        ("HTTP2", "outbound", true),
        ("HTTP", "outbound", false),
    ] {
        let flags = [
            "--rules",
            path.to_str().unwrap(),
            "--host",
            "user",
            "--json",
            "--protocol",
            protocol,
            "--direction",
            direction,
        ];
        let said = parsed(&output("explain", &flags).await);
        assert_eq!(said["valid"], true);
        let warnings = said["problems"].as_array().unwrap();
        assert_eq!(!warnings.is_empty(), warned, "{warnings:#?}");
    }
}

#[tokio::test]
async fn what_is_not_valid_is_told_and_is_the_exit_status() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("user.yaml");
    fs::write(&path, RULE.replace("maxRetries: 3", "maxRetries: many")).unwrap();
    let flags = ["--rules", path.to_str().unwrap(), "--host", "user"];
    let output = output("explain", &flags).await;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("Not valid"), "{said}");
    assert!(said.contains("user.yaml:9:"), "{said}");
    assert!(said.contains("no DestinationRule"), "{said}");
}

/// Asks a service that lets 3 requests run, at its admin address.
async fn three_forms(at: impl Fn(&str) -> String) {
    for (path, accept, kind, part) in [
        (
            "/explain",
            "text/html,application/xhtml+xml",
            "text/html; charset=utf-8",
            "<!doctype html>",
        ),
        (
            "/explain",
            "application/json",
            "application/json",
            "\"subject\"",
        ),
        (
            "/explain",
            "*/*",
            "text/plain; charset=utf-8",
            "Enforced here",
        ),
        ("/explain.json", "text/html", "application/json", "\"pool\""),
        (
            "/explain.txt",
            "text/html",
            "text/plain; charset=utf-8",
            "0 active of 3",
        ),
    ] {
        let asked = client().get(at(path)).header(ACCEPT, accept).send();
        let answer = within(asked).await.unwrap();
        assert_eq!(answer.headers()[CONTENT_TYPE], kind);
        let said = within(answer.text()).await.unwrap();
        assert!(said.contains(part), "{path} {accept}: {said}");
    }
}

#[tokio::test]
async fn a_running_service_can_be_asked_in_three_forms() {
    let rule = RuleFile::with("http: {http2MaxRequests: 3, maxRetries: 1}");
    let user = User::start(&["--rule", &rule.path()]).await;
    three_forms(|path| user.admin_url(path)).await;
    let upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&upstream, &["--rule", &rule.path()]).await;
    three_forms(|path| sidecar.admin_url(path)).await;
    let said = user.explained().await;
    let requests = of(&said["limits"], "max_requests");
    assert_eq!(requests["value"], 3);
    let source = requests["source"].as_str().unwrap();
    assert!(
        source
            .starts_with("default/user, spec.trafficPolicy.connectionPool.http.http2MaxRequests ("),
        "{source}"
    );
    assert_eq!(
        said["without_effect"][0]["path"],
        "spec.trafficPolicy.connectionPool.http.maxRetries"
    );

    // What is rejected is told, and what was in force stays.
    rule.write("http: {http2MaxRequest: 3}");
    user.until("rule_rejects", json!(1)).await;
    let said = user.explained().await;
    assert_eq!(said["valid"], false);
    assert!(
        said["problems"][0]["message"]
            .as_str()
            .unwrap()
            .contains("http2MaxRequest")
    );
    assert_eq!(of(&said["limits"], "max_requests")["value"], 3);

    rule.delete();
    user.until("rule_updates", json!(2)).await;
    let said = user.explained().await;
    assert_eq!(said["valid"], true);
    assert_eq!(of(&said["limits"], "max_requests")["value"], Value::Null);
}

#[tokio::test]
async fn a_service_with_many_rules_says_which_one_holds_and_which_is_rejected() {
    let rule = RuleFile::missing();
    rule.write_text(RULE);
    let flags = [
        "--rules",
        &rule.directory(),
        "--namespace",
        "demo",
        "--port",
        "80",
    ];
    let user = User::start(&flags).await;
    let said = user.explained().await;
    assert_eq!(
        said["subject"],
        "requests served as user, port 80: DestinationRule demo/user"
    );
    let requests = of(&said["limits"], "max_requests");
    assert_eq!(requests["value"], 2);
    let source = requests["source"].as_str().unwrap();
    assert!(source.contains("portLevelSettings[0]"), "{source}");

    rule.write_text("kind: [");
    user.until("rule_rejects", json!(1)).await;
    let said = user.explained().await;
    assert_eq!(said["valid"], false);
    assert_eq!(said["problems"][0]["severity"], "error");
    assert_eq!(of(&said["limits"], "max_requests")["value"], 2);
}

#[tokio::test]
async fn of_many_files_that_are_not_valid_some_are_told_and_what_concerns_the_service() {
    let rule = RuleFile::missing();
    rule.write_text(&RULE.replace("name: user", "name: asked"));
    let directory = rule.directory();
    for number in 0..250 {
        fs::write(format!("{directory}/wrong{number}.yaml"), "kind: [").unwrap();
    }
    let of_user = |said: &Value| {
        let problems = said["problems"].as_array().unwrap().iter();
        problems
            .filter(|it| it["file"].as_str().unwrap().ends_with("/rule.yaml"))
            .count()
    };
    let flags = ["--rules", &directory, "--namespace", "demo", "--port", "80"];
    let user = User::start(&flags).await;
    let said = user.explained().await;
    assert_eq!(said["valid"], false);
    let problems = said["problems"].as_array().unwrap();
    let errors = problems.iter().filter(|it| it["severity"] == "error");
    assert_eq!(errors.count(), 101);
    assert_eq!(
        problems[100]["message"],
        "and 150 more of this severity, not shown"
    );
    assert!(of_user(&said) > 0, "{:#}", said["problems"]);
    let page = get(user.admin_url("/explain.txt")).await.unwrap();
    let page = within(page.text()).await.unwrap();
    assert!(page.contains("what has an error is left out\n"), "{page}");

    // Whoever asks once is told everything.
    let flags = [&flags[..], &["--host", "user", "--direction", "inbound"]].concat();
    let all = output("explain", &flags).await;
    assert!(text(&all.stdout).contains("(250 in all)"));
    let all = output("explain", &[&flags[..], &["--json"]].concat()).await;
    assert_eq!(of_user(&parsed(&all)), of_user(&said));
}
