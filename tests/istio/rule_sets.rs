//! Rule sets of files: what is loaded, what counts, what is told.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use meshpool::istio::rules::Rules;
use meshpool::istio::{Query, RuleSet, Service, Severity};
use tempfile::TempDir;

/// A rule for the host of its name.
fn rule(name: &str, most: i32) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\n\
         kind: DestinationRule\n\
         metadata: {{name: {name}, namespace: default}}\n\
         spec:\n\
         \x20 host: {name}\n\
         \x20 trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: {most}}}}}}}\n"
    )
}

/// The `maxConnections` of a host.
fn most(set: &RuleSet, host: &str) -> Option<u32> {
    let query = Query::outbound(Service::new(host).namespace("default"));
    let settings = set.settings(&query);
    settings
        .selected()
        .map(|_| settings.thresholds().max_connections)
}

fn problems(set: &RuleSet) -> Vec<String> {
    set.problems().iter().map(ToString::to_string).collect()
}

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

#[test]
fn files_and_directories_are_loaded_together() {
    let one = directory(&[
        ("a.yaml", &rule("a", 1)),
        ("b.yml", &(rule("b", 2) + "---\n" + &rule("c", 3))),
        ("README.md", "# no rule"),
        (".hidden.yaml", "{"),
    ]);
    fs::create_dir(one.path().join("inner.yaml")).unwrap();
    let other = directory(&[("d.yaml", &rule("d", 4)), ("e.yaml", &rule("e", 5))]);
    let set = RuleSet::builder()
        .path(one.path())
        .path(other.path().join("e.yaml"))
        .document("given", rule("f", 6))
        .build();
    assert_eq!(problems(&set), [""; 0]);
    assert!(set.is_valid());
    let found = ["a", "b", "c", "d", "e", "f"].map(|host| most(&set, host));
    assert_eq!(found, [Some(1), Some(2), Some(3), None, Some(5), Some(6)]);
    let names: Vec<String> = set.rules().map(|rule| rule.to_string()).collect();
    assert_eq!(
        names,
        [
            "default/a",
            "default/b",
            "default/c",
            "default/e",
            "default/f"
        ]
    );
    let c = set.rules().nth(2).unwrap();
    assert_eq!(c.file(), one.path().join("b.yml"));
    assert_eq!((c.kind(), c.position().line), ("DestinationRule", 8));
}

#[test]
fn a_file_with_an_error_contributes_nothing_and_the_others_do() {
    let broken = rule("b", 2) + "---\n" + &rule("c", -3);
    let rules = directory(&[("a.yaml", &rule("a", 1)), ("b.yaml", &broken)]);
    let set = RuleSet::builder()
        .path(rules.path())
        .path(rules.path().join("missing.yaml"))
        .build();
    assert!(!set.is_valid());
    let found = ["a", "b", "c"].map(|host| most(&set, host));
    assert_eq!(found, [Some(1), None, None]);
    let told = problems(&set);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("b.yaml:13:58: error: spec.trafficPolicy"),
        "{}",
        told[0]
    );
    assert!(
        told[1].contains("missing.yaml: error: cannot be read"),
        "{}",
        told[1]
    );
}

#[test]
fn an_object_that_is_there_twice_is_told_and_the_first_counts() {
    let mesh = "apiVersion: mesh\nkind: MeshConfig\nspec: {rootNamespace: root}\n";
    let sidecar = "apiVersion: networking.istio.io/v1\nkind: Sidecar\n\
                   metadata: {name: a, namespace: default}\n\
                   spec: {inboundConnectionPool: {tcp: {maxConnections: 1}}}\n";
    let set = RuleSet::builder()
        .document("one.yaml", rule("a", 1) + "---\n" + mesh)
        // Of another kind, another namespace.
        .document("two.yaml", sidecar)
        .document(
            "three.yaml",
            rule("a", 3).replace("namespace: default", "namespace: web"),
        )
        .document(
            "four.yaml",
            rule("b", 4) + "---\n" + &rule("a", 5).replace("/v1", "/v1beta1"),
        )
        .document("five.yaml", format!("{mesh}---\n{sidecar}"))
        .build();
    assert!(!set.is_valid());
    assert_eq!(
        problems(&set),
        [
            "four.yaml:8:1: error: a second DestinationRule default/a: the one in one.yaml, line \
             1, is in force; give this one another name, or remove it",
            "five.yaml:1:1: error: a second MeshConfig: the one in one.yaml, line 8, is in force; \
             a mesh has one",
            "five.yaml:5:1: error: a second Sidecar default/a: the one in two.yaml, line 1, is in \
             force; give this one another name, or remove it",
        ]
    );
    assert_eq!([most(&set, "a"), most(&set, "b")], [Some(1), Some(4)]);
}

#[test]
fn ten_thousand_files_are_read() {
    let rules = TempDir::new().unwrap();
    for index in 0..10_000 {
        let name = format!("r{index}");
        fs::write(
            rules.path().join(format!("{name}.yaml")),
            rule(&name, index + 1),
        )
        .unwrap();
    }
    let set = RuleSet::builder().path(rules.path()).build();
    assert!(set.is_valid());
    assert_eq!(set.rules().len(), 10_000);
    assert_eq!(
        [most(&set, "r0"), most(&set, "r9999")],
        [Some(1), Some(10_000)]
    );
}

#[test]
fn the_problems_of_many_files_are_counted_and_not_all_kept() {
    let mut broken = String::new();
    for field in 0..200 {
        writeln!(broken, "x{field}: 1").unwrap();
    }
    let broken = rule("a", 1) + &broken;
    let mut builder = RuleSet::builder();
    for index in 0..120 {
        builder = builder.document(format!("{index}.yaml"), broken.as_str());
    }
    let set = builder.build();
    // A hundred of each file and what it does not show, of which ten thousand are kept.
    assert_eq!(set.problems().len(), 10_001);
    let last = set.problems().last().unwrap();
    assert_eq!(
        last.to_string(),
        "error: and 2120 more of this severity, not shown"
    );
    assert_eq!(
        (last.severity(), last.file()),
        (Severity::Error, Path::new(""))
    );
}

#[test]
fn an_empty_set_has_the_defaults_of_istio() {
    let set = RuleSet::builder().build();
    assert!(set.is_valid());
    let query = Query::outbound(Service::new("reviews"));
    let settings = set.settings(&query);
    assert!(settings.selected().is_none());
    assert_eq!(settings.thresholds().max_requests, u32::MAX);
    assert_eq!(settings.connect_timeout().to_string(), "10s");
    assert_eq!(settings.tcp_keepalive(), None);
    assert_eq!(settings.http_protocol_options(), None);
    assert_eq!(settings.outlier_detection(), None);
}

#[cfg(unix)]
#[test]
fn a_directory_with_a_pipe_in_it_does_not_block() {
    let rules = directory(&[("a.yaml", &rule("a", 1))]);
    let pipe = rules.path().join("b.yaml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let set = RuleSet::builder().path(rules.path()).build();
    assert_eq!(most(&set, "a"), Some(1));
    let told = problems(&set);
    assert!(
        told[0].contains("b.yaml: error: cannot be read: it is a special file"),
        "{told:?}"
    );
}

/// A set that is read once, to guard a repository, say, is of the mind of rules in force.
#[test]
fn an_empty_file_is_half_of_an_edit_and_one_of_comments_a_decision() {
    for (text, is_valid) in [
        ("", false),
        (" \r\n\t\n", false),
        ("\u{feff}", false),
        ("# lifted for the load test\n", true),
        ("---\n", true),
        ("---\n# nothing\n...\n", true),
    ] {
        let set = RuleSet::builder().document("user.yaml", text).build();
        assert_eq!(set.is_valid(), is_valid, "{text:?}");
        let rules = Rules::new();
        rules.put("user.yaml", rule("user", 3)).unwrap();
        let rejected = rules.put("user.yaml", text).err();
        assert_eq!(
            most(&rules.current(), "user").is_some(),
            !is_valid,
            "{text:?}"
        );
        let said = rejected.map(|rejected| rejected.to_string());
        let problem = set.problems().first().map(ToString::to_string);
        assert_eq!(said, problem);
        if !is_valid {
            assert_eq!(
                said.unwrap(),
                "user.yaml: error: it is empty: delete it to lift what it said"
            );
        }
    }
}
