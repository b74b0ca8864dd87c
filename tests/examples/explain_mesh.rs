//! `explain` with the settings of a mesh, and with its Sidecars.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{json as parsed, output, text};

const SETTINGS: &str = "\
connectTimeout: 3s
defaultTrafficPolicy: {connectionPool: {tcp: {maxConnections: 6}}}
";

const RULE: &str = "\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: user, namespace: demo}
spec: {host: user, trafficPolicy: {connectionPool: {tcp: {maxConnections: 7}}}}
";

/// A directory with these files.
pub(crate) fn files(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

/// What it says of the files in a directory, as flags name them: `@` is where they are.
pub(crate) async fn explained(directory: &TempDir, flags: &[&str]) -> Value {
    let place = format!("{}/", directory.path().to_str().unwrap());
    let flags: Vec<String> = flags.iter().map(|flag| flag.replace('@', &place)).collect();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let output = output("explain", &[&flags[..], &["--json"]].concat()).await;
    let said = parsed(&output);
    let code = if said["valid"] == true { 0 } else { 1 };
    assert_eq!(output.status.code(), Some(code));
    said
}

/// How many connections there may be.
fn connections(said: &Value) -> &Value {
    assert_eq!(said["valid"], true, "{:#}", said["problems"]);
    &said["effective"]["thresholds"]["max_connections"]
}

#[tokio::test]
async fn the_settings_may_stand_alone_in_an_object_or_in_a_config_map() {
    let indented = SETTINGS
        .replace("connect", "    connect")
        .replace("default", "    default");
    let object = format!("apiVersion: mesh\nkind: MeshConfig\nspec:\n{indented}");
    let map = |name: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n  mesh: |\n{indented}"
        )
    };
    for (mesh, line) in [
        (SETTINGS.to_owned(), 1),
        (object, 4),
        (map("istio"), 6),
        (map("ours"), 6),
    ] {
        let directory = files(&[("rule.yaml", RULE), ("mesh.yaml", &mesh)]);
        let flags = [
            "--rules",
            "@rule.yaml",
            "--mesh",
            "@mesh.yaml",
            "--namespace",
            "demo",
        ];
        let said = explained(&directory, &[&flags[..], &["--host", "other"]].concat()).await;
        assert_eq!(*connections(&said), 6, "{mesh}");
        let mut rows = said["provenance"].as_array().unwrap().iter();
        let timeout = rows.find(|row| row["field"] == "connect_timeout").unwrap();
        assert_eq!(timeout["value"], "3s");
        let place = format!("mesh.yaml:{line}:");
        assert!(
            timeout["source"].as_str().unwrap().contains(&place),
            "{timeout}"
        );
        // A rule has its own.
        let said = explained(&directory, &[&flags[..], &["--host", "user"]].concat()).await;
        assert_eq!(*connections(&said), 7, "{mesh}");
    }
}

#[tokio::test]
async fn a_mesh_file_that_is_none_is_not_valid() {
    for (mesh, part) in [
        ("", "no settings of a mesh"),
        (
            "meshConfig: {connectTimeout: 3s}\n",
            "the values of an installation",
        ),
        (
            "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\n\
             spec: {meshConfig: {connectTimeout: 3s}}\n",
            "the values of an installation",
        ),
    ] {
        let directory = files(&[("rule.yaml", RULE), ("mesh.yaml", mesh)]);
        let flags = [
            "--rules",
            "@rule.yaml",
            "--mesh",
            "@mesh.yaml",
            "--host",
            "user",
        ];
        let said = explained(&directory, &flags).await;
        assert_eq!(said["valid"], false, "{mesh}");
        let problem = &said["problems"][0];
        assert_eq!(problem["severity"], "error");
        assert!(problem["file"].as_str().unwrap().ends_with("mesh.yaml"));
        assert!(
            problem["message"].as_str().unwrap().starts_with(part),
            "{problem}"
        );
    }
}

fn sidecar(namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\n\
         metadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{spec}}}\n"
    )
}

fn pool(connections: u32) -> String {
    format!("{{tcp: {{maxConnections: {connections}}}}}")
}

const INBOUND: [&str; 8] = [
    "--rules",
    "@rules.yaml",
    "--host",
    "user",
    "--namespace",
    "demo",
    "--direction",
    "inbound",
];

#[tokio::test]
async fn inbound_it_is_the_service_itself_that_asks_unless_somebody_else_is_named() {
    let private = RULE.replace("{host: user,", "{host: user, exportTo: [\".\"],");
    let directory = files(&[("rules.yaml", &private)]);
    let full = ["--host", "user.demo.svc.cluster.local"];
    let short = ["--host", "user", "--namespace", "demo"];
    for host in [&full[..], &short] {
        for (direction, is_seen) in [("inbound", true), ("outbound", false)] {
            let flags = [&["--rules", "@rules.yaml", "--direction", direction], host].concat();
            let said = explained(&directory, &flags).await;
            assert_eq!(*connections(&said) == json!(7), is_seen, "{flags:?}");
        }
    }
}

#[tokio::test]
async fn a_listener_holds_for_its_port_and_the_sidecar_for_the_others() {
    let spec = format!(
        "workloadSelector: {{labels: {{app: user}}}}, inboundConnectionPool: {}, \
         ingress: [{{port: {{number: 8080, protocol: HTTP}}, connectionPool: {}}}]",
        pool(5),
        pool(3)
    );
    let rules = format!("{RULE}{}", sidecar("demo", "user", &spec));
    let directory = files(&[("rules.yaml", &rules)]);
    let selected = ["--client-namespace", "demo", "--client-label", "app=user"];
    let other = ["--client-namespace", "demo", "--client-label", "app=other"];
    for (workload, ports, expected) in [
        (&selected, &["--port", "80", "--target-port", "8080"][..], 3),
        (&selected, &["--port", "8080"], 3),
        (&selected, &["--port", "80"], 5),
        (&selected, &[], 5),
        (&other, &["--port", "80", "--target-port", "8080"], 7),
    ] {
        let flags = [&INBOUND[..], workload, ports].concat();
        let said = explained(&directory, &flags).await;
        assert_eq!(*connections(&said), expected, "{flags:?}");
        let no_listener = json!("spec.ingress");
        let warned = said["problems"].as_array().unwrap().iter();
        let warned = warned.filter(|it| it["path"] == no_listener).count();
        assert_eq!(
            warned,
            usize::from(expected == 5 && !ports.is_empty()),
            "{flags:?}"
        );
    }
}

#[tokio::test]
async fn a_sidecar_of_the_root_namespace_holds_where_no_other_does_wherever_that_is() {
    let of_all = |connections| format!("inboundConnectionPool: {}", pool(connections));
    let rules = [
        RULE,
        &sidecar("istio-system", "all", &of_all(4)),
        &sidecar("root", "all", &of_all(2)),
        &sidecar("web", "own", &of_all(1)),
    ]
    .concat();
    let moved = "rootNamespace: root\n";
    let directory = files(&[("rules.yaml", &rules), ("moved.yaml", moved)]);
    for (namespace, mesh, expected) in [
        ("demo", &[][..], 4),
        ("demo", &["--mesh", "@moved.yaml"], 2),
        // It has one of its own.
        ("web", &[], 1),
        ("web", &["--mesh", "@moved.yaml"], 1),
    ] {
        let flags = [&INBOUND[..], &["--client-namespace", namespace], mesh].concat();
        let said = explained(&directory, &flags).await;
        assert_eq!(*connections(&said), expected, "{flags:?}");
    }
}

#[tokio::test]
async fn the_rules_of_the_root_namespace_are_everybodys_wherever_that_is() {
    let rule = |namespace: &str, connections: u32| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\n\
             metadata: {{name: all, namespace: {namespace}}}\n\
             spec: {{host: '*.example.org', trafficPolicy: {{connectionPool: {}}}}}\n",
            pool(connections)
        )
    };
    let rules = [rule("istio-system", 4), rule("root", 2)].concat();
    let moved = "rootNamespace: root\n";
    let directory = files(&[("rules.yaml", &rules), ("moved.yaml", moved)]);
    let flags = [
        "--rules",
        "@rules.yaml",
        "--host",
        "api.example.org",
        "--client-namespace",
        "web",
    ];
    for (mesh, expected) in [(&[][..], 4), (&["--mesh", "@moved.yaml"], 2)] {
        let said = explained(&directory, &[&flags[..], mesh].concat()).await;
        assert_eq!(*connections(&said), expected, "{mesh:?}");
    }
}

#[tokio::test]
async fn short_names_stand_under_the_domain_of_the_cluster() {
    let directory = files(&[("rule.yaml", RULE)]);
    let flags = |host: &'static str| ["--rules", "@rule.yaml", "--host", host];
    let ours = ["--cluster-domain", "mesh.test"];
    let unlimited = u64::from(u32::MAX);
    for (host, more, expected) in [
        ("user.demo.svc.mesh.test", &ours[..], 7),
        ("user.demo.svc.cluster.local", &ours, unlimited),
        ("user.demo.svc.cluster.local", &[], 7),
        ("user.demo.svc.mesh.test", &[], unlimited),
    ] {
        let said = explained(&directory, &[&flags(host)[..], more].concat()).await;
        assert_eq!(*connections(&said), expected, "{host} {more:?}");
    }
    // Inbound the namespace of the host is the client's as well, here that of a private rule.
    let private = RULE.replace("spec: {", "spec: {exportTo: ['.'], ");
    let directory = files(&[("rule.yaml", &private)]);
    let inbound = [
        &flags("user.demo.svc.mesh.test")[..],
        &["--direction", "inbound"],
    ]
    .concat();
    let said = explained(&directory, &[&inbound[..], &ours].concat()).await;
    assert_eq!(*connections(&said), 7);
    for domain in ["", ".mesh", "mesh.", "a..b"] {
        let flags = [
            "--rules",
            "a.yaml",
            "--host",
            "a",
            "--cluster-domain",
            domain,
        ];
        let output = output("explain", &flags).await;
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(
            said.contains("expected a domain, such as cluster.local"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn that_no_rule_was_read_is_told() {
    let directory = files(&[("notes.txt", RULE)]);
    let path = directory.path().to_str().unwrap();
    let output = output("explain", &["--rules", path, "--host", "user"]).await;
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stdout);
    assert!(
        said.contains("notice: no DestinationRule was read at all"),
        "{said}"
    );
}
