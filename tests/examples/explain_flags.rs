//! `explain`, by its flags: what they name, and what they take.

use std::fs;

use serde_json::{Value, json};

use crate::explain_mesh::{explained, files};
use crate::process::{output, text};

/// The rule of a host in the namespace `demo`.
fn rule(host: &str, requests: u32) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\n\
         kind: DestinationRule\n\
         metadata: {{name: {host}, namespace: demo}}\n\
         spec: {{host: {host}, trafficPolicy: {{connectionPool: {{http: \
         {{http2MaxRequests: {requests}, http1MaxPendingRequests: 3}}}}}}}}\n"
    )
}

/// The value of a limit that is enforced.
fn limit<'a>(said: &'a Value, field: &str) -> &'a Value {
    let mut rows = said["limits"].as_array().unwrap().iter();
    &rows.find(|row| row["field"] == field).unwrap()["value"]
}

#[tokio::test]
async fn several_paths_of_rules_may_be_named_in_either_spelling() {
    let directory = files(&[("a.yaml", &rule("a", 1)), ("b.yaml", &rule("b", 2))]);
    for paths in [
        &["--rules", "@a.yaml", "@b.yaml"][..],
        &["--rules", "@a.yaml", "--rules", "@b.yaml"],
        &["--rules=@a.yaml", "--rules=@b.yaml"],
        &["--rules", "@b.yaml", "--rules=@a.yaml"],
        &["--rules", "@"],
    ] {
        for (host, requests) in [("a", 1), ("b", 2)] {
            let flags = [paths, &["--host", host, "--namespace", "demo"]].concat();
            let said = explained(&directory, &flags).await;
            assert_eq!(said["valid"], true, "{flags:?}");
            assert_eq!(limit(&said, "max_requests"), requests, "{flags:?}");
        }
    }
}

#[tokio::test]
async fn of_a_directory_the_files_of_rules_are_read_whatever_else_is_there() {
    let rules = rule("user", 7);
    let directory = files(&[
        ("user.yml", &rules),
        ("README.md", "kind: ["),
        (".user.yaml", "kind: ["),
    ]);
    fs::create_dir(directory.path().join("more.yaml")).unwrap();
    fs::write(
        directory.path().join("more.yaml/other.yaml"),
        rule("user", 8),
    )
    .unwrap();
    let host = ["--host", "user", "--namespace", "demo"];
    let said = explained(&directory, &[&["--rules", "@"], &host[..]].concat()).await;
    assert_eq!(limit(&said, "max_requests"), 7, "{:#}", said["problems"]);
}

#[tokio::test]
async fn what_is_named_and_cannot_be_read_is_not_valid_and_the_rest_counts() {
    let rules = rule("user", 7);
    let directory = files(&[("user.yaml", &rules)]);
    fs::write(directory.path().join("binary.yaml"), b"\xff\xfe\x00").unwrap();
    let always = [
        "--host",
        "user",
        "--namespace",
        "demo",
        "--rules",
        "@user.yaml",
    ];
    for (flags, file, why) in [
        (&["@rulez"][..], "rulez", "No such file or directory"),
        (&["@binary.yaml"], "binary.yaml", "UTF-8"),
        (
            &["--mesh", "@mesh.yaml"],
            "mesh.yaml",
            "No such file or directory",
        ),
        (&["--mesh", "@"], "", "it is a directory"),
        (&["--mesh", "@binary.yaml"], "binary.yaml", "UTF-8"),
    ] {
        let said = explained(&directory, &[&always, flags].concat()).await;
        assert_eq!(said["valid"], false, "{flags:?}");
        let [problem] = &said["problems"].as_array().unwrap()[..] else {
            panic!("{flags:?}: {:#}", said["problems"]);
        };
        assert_eq!(problem["severity"], "error");
        assert_eq!(
            problem["file"],
            format!("{}/{file}", directory.path().display())
        );
        assert!(
            problem["message"].as_str().unwrap().contains(why),
            "{problem:#}"
        );
        assert_eq!(limit(&said, "max_requests"), 7);
    }
}

#[tokio::test]
async fn nonsense_is_refused_with_what_would_be_right() {
    for (flags, right) in [
        (
            &["--protocol", "HTTP/2"][..],
            "expected HTTP, HTTP2, GRPC, TCP or AUTO",
        ),
        (
            &["--direction", "up"],
            "[possible values: inbound, outbound]",
        ),
        (&["--port", "70000"], "is not in 0..=65535"),
        (&["--port", "http"], "invalid digit"),
        (&["--target-port", "0x50"], "invalid digit"),
        (&["--client-label", "app"], "expected KEY=VALUE"),
        (&["--gate", "lenient"], "expected strict or istiod"),
        (&["--cluster-domain", "mesh..test"], "expected a domain"),
        (&["--rules"], "a value is required for '--rules <PATH>...'"),
        (&["--rule", "user.yaml"], "unexpected argument '--rule'"),
    ] {
        let output = output(
            "explain",
            &[&["--rules", "x", "--host", "y"], flags].concat(),
        )
        .await;
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        let said = text(&output.stderr);
        assert!(said.contains(right), "{flags:?}: {said}");
        assert!(output.stdout.is_empty(), "{flags:?}");
    }
    for flags in [&["--host", "user"][..], &["--rules", "."]] {
        let output = output("explain", flags).await;
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        let said = text(&output.stderr);
        assert!(
            said.contains("required arguments were not provided"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn whether_requests_wait_is_asked_for_inbound() {
    let directory = files(&[("user.yaml", &rule("user", 7))]);
    let flags = ["--rules", "@", "--host", "user", "--namespace", "demo"];
    for (more, places) in [
        (&["--direction", "inbound"][..], json!(0)),
        (&["--direction", "inbound", "--wait"], json!(3)),
        (&["--direction", "outbound", "--wait"], json!(3)),
        (&[], json!(3)),
    ] {
        let said = explained(&directory, &[&flags, more].concat()).await;
        assert_eq!(limit(&said, "max_pending_requests"), &places, "{more:?}");
    }
}
