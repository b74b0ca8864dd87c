//! `user` and `sidecar` with `--kube`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::double::{Double, Fault};
use crate::process::{self, Running};
use crate::{RULES, allows, within};

#[tokio::test]
async fn user_obeys_the_rule_for_its_host_and_port() {
    let double = Double::start().await;
    let rule = json!({"spec": {"host": "user", "trafficPolicy": {
        "connectionPool": {"http": {"http2MaxRequests": 3}},
        "portLevelSettings": [{
            "port": {"number": 80},
            "connectionPool": {"http": {"http2MaxRequests": 5}},
        }],
    }}});
    double.put(RULES, "demo", "user", rule.clone());
    double.put(RULES, "demo", "other", allows("other", 1));
    let flags = ["--kube", "--host", "user", "--namespace", "demo"];
    let user = Running::start("user", &double, &flags).await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 3);
    let flags = [&flags[..], &["--port", "80"]].concat();
    let mut user = Running::start("user", &double, &flags).await;
    let stats = user.stats().await;
    assert_eq!(stats["limits"]["max_requests"], 5);
    assert_eq!(stats["rule_rejects"], 0);

    double.put(RULES, "demo", "user", allows("user", 7));
    user.says("rule applied: Limits { max_requests: Some(7)")
        .await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 7);
    double.delete(RULES, "demo", "user");
    user.says("no rule: nothing is limited").await;
    assert_eq!(user.stats().await["limits"], json!({}));
}

#[tokio::test]
async fn the_namespace_in_the_full_name_of_user_is_the_one_that_is_followed() {
    let double = Double::start().await;
    double.put(RULES, "demo", "user", allows("user", 3));
    let flags = ["--kube", "--host", "user.demo.svc.cluster.local"];
    let user = Running::start("user", &double, &flags).await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 3);
    assert!(double.asked("/namespaces/default/").is_empty());

    // What is told of it names the object, which has no lines.
    let said = user.admin("/explain").await;
    let source = "demo/user, spec.trafficPolicy.connectionPool.http.http2MaxRequests \
                  (kube:DestinationRule/demo/user)\n";
    assert!(said.contains(source), "{said}");
}

#[tokio::test]
async fn the_root_namespace_and_the_config_map_are_those_that_are_named() {
    let double = Double::start().await;
    let mesh = json!({"data": {"mesh": "rootNamespace: config"}});
    double.put("configmaps", "istiod", "istio-canary", mesh);
    let rule = allows("user.demo.svc.cluster.local", 3);
    double.put(RULES, "config", "user", rule);
    let config_map = ["--mesh-config", "istiod/istio-canary"];
    let flags = [&["--kube", "--namespace", "demo"], &config_map[..]].concat();
    let mut user = Running::start("user", &double, &flags).await;
    user.says("`config` is the root namespace of the mesh, and is not followed")
        .await;
    assert_eq!(user.stats().await["limits"], json!({}));
    let flags = [&flags[..], &["--root-namespace", "config"]].concat();
    let user = Running::start("user", &double, &flags).await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 3);

    let upstream = ["--kube", "--upstream", "http://user.demo.svc.cluster.local"];
    let sidecar = Running::start("sidecar", &double, &[&upstream[..], &config_map].concat()).await;
    let stats = sidecar.admin("/stats").await;
    assert!(
        stats.contains("circuit_breakers.default.remaining_rq: 3"),
        "{stats}"
    );

    let wrong = ["--kube", "--mesh-config", "istio"];
    let output = within(process::command("user").args(wrong).output()).await;
    let said = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(said.contains("expected NAMESPACE/NAME"), "{said}");
}

#[tokio::test]
async fn a_sidecar_of_the_cluster_limits_the_workload_that_it_selects() {
    let double = Double::start().await;
    let sidecar = |requests: u32| {
        json!({"spec": {
            "workloadSelector": {"labels": {"app": "user"}},
            "inboundConnectionPool": {"http": {"http2MaxRequests": requests}},
        }})
    };
    double.put(RULES, "demo", "user", allows("user", 7));
    double.put("sidecars", "demo", "user", sidecar(5));
    let flags = ["--kube", "--namespace", "demo", "--label", "app=user"];
    let mut user = Running::start("user", &double, &flags).await;
    let other = Running::start("user", &double, &flags[..3]).await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 5);
    assert_eq!(other.stats().await["limits"]["max_requests"], 7);

    double.put("sidecars", "demo", "user", sidecar(4));
    user.says("rule applied: Limits { max_requests: Some(4)")
        .await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 4);
    double.delete("sidecars", "demo", "user");
    user.says("rule applied: Limits { max_requests: Some(7)")
        .await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 7);
    assert_eq!(other.stats().await["limits"]["max_requests"], 7);
}

#[tokio::test]
async fn files_and_the_cluster_are_obeyed_together() {
    let double = Double::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("user.yaml");
    write(&file, allows("user", 7));
    let sidecar = json!({"spec": {
        "inboundConnectionPool": {"http": {"http2MaxRequests": 5}},
    }});
    double.put("sidecars", "demo", "user", sidecar);
    let path = directory.path().to_str().unwrap();
    let flags = ["--kube", "--rules", path, "--namespace", "demo"];
    let mut user = Running::start("user", &double, &flags).await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 5);
    double.delete("sidecars", "demo", "user");
    user.says("rule applied: Limits { max_requests: Some(7)")
        .await;

    // The same object from both is told, and that of the file counts.
    double.put(RULES, "demo", "user", allows("user", 9));
    double.put(RULES, "demo", "other", allows("other", 1));
    until(async || {
        let explained = user.admin("/explain").await;
        explained.contains("a second DestinationRule demo/user: the one in")
    })
    .await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 7);
    std::fs::remove_file(&file).unwrap();
    user.says("rule applied: Limits { max_requests: Some(9)")
        .await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 9);
}

/// Writes the rule of the namespace's `user` to a file.
fn write(file: &Path, mut rule: Value) {
    rule["apiVersion"] = json!("networking.istio.io/v1");
    rule["kind"] = json!("DestinationRule");
    rule["metadata"] = json!({"name": "user", "namespace": "demo"});
    std::fs::write(file, rule.to_string()).unwrap();
}

/// Where a pod finds its own account. `kube` looks nowhere else.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

#[tokio::test]
async fn without_a_kubeconfig_the_pods_own_account_is_looked_for() {
    let home = tempfile::tempdir().unwrap();
    let nowhere = home.path().join("config");
    let mut command = process::command("user");
    command
        .args(["--listen", "127.0.0.1:0", "--kube"])
        .env("HOME", home.path())
        .env("KUBECONFIG", &nowhere)
        .env_remove("KUBERNETES_SERVICE_HOST")
        .env_remove("KUBERNETES_SERVICE_PORT");
    let said = complaint(&mut command).await;
    assert!(said.contains("no usable configuration"), "{said}");
    assert!(said.contains("environment variable"), "{said}");

    // In a cluster the environment names the server, and a directory holds the rest.
    if !Path::new(ACCOUNT).exists() {
        command
            .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            .env("KUBERNETES_SERVICE_PORT", "6443");
        let said = complaint(&mut command).await;
        assert!(!said.contains("environment variable"), "{said}");
        assert!(said.contains("in-cluster: (failed to read"), "{said}");
    }
}

/// What it says on standard error before it fails.
async fn complaint(command: &mut Command) -> String {
    let output = within(command.output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

/// Waits until it is so.
async fn until(so: impl AsyncFn() -> bool) {
    within(async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn user_starts_without_its_rules_if_it_may_not_read_them_and_says_so() {
    let double = Double::start().await;
    double.put(RULES, "demo", "user", allows("user", 3));
    double.fail(RULES, Fault::Status(403, "Forbidden"));
    let flags = ["--kube", "--namespace", "demo"];
    let mut user = Running::start("user", &double, &flags).await;
    user.says("cannot be listed: 403 Forbidden").await;
    assert_eq!(user.stats().await["limits"], json!({}));
    double.fail(RULES, None);
    user.says("rule applied").await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 3);
}

#[tokio::test]
async fn sidecar_obeys_the_rule_for_its_upstream() {
    let double = Double::start().await;
    let rule = json!({"spec": {
        "host": "user",
        "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 3}}},
        "subsets": [{"name": "v2", "labels": {"version": "v2"}, "trafficPolicy": {
            "connectionPool": {"tcp": {"maxConnections": 5}}}}],
    }});
    double.put(RULES, "demo", "user", rule);
    let upstream = [
        "--kube",
        "--upstream",
        "http://user.demo.svc.cluster.local:80",
    ];
    for (flags, connections) in [(&[][..], 3), (&["--subset", "v2"], 5)] {
        let flags = [&upstream[..], flags].concat();
        let sidecar = Running::start("sidecar", &double, &flags).await;
        let stats = sidecar.admin("/stats").await;
        let line = format!("circuit_breakers.default.remaining_cx: {connections}");
        assert!(stats.contains(&line), "{stats}");
    }
}

#[tokio::test]
async fn sidecar_obeys_files_and_the_cluster_together() {
    let double = Double::start().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("user.yaml");
    let connections = |most: u32| {
        json!({"spec": {
            "host": "user",
            "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": most}}},
        }})
    };
    write(&file, connections(3));
    double.put(RULES, "demo", "user", connections(5));
    // By whatever name, one that comes after `kube:` among others.
    let here = std::env::current_dir().unwrap();
    let up = here.components().skip(1).map(|_| "..");
    let path = Path::new("tests/..").join(up.collect::<PathBuf>());
    let path = path.join(directory.path().strip_prefix("/").unwrap());
    let flags = [
        "--kube",
        "--rules",
        path.to_str().unwrap(),
        "--upstream",
        "http://user.demo.svc.cluster.local:80",
    ];
    let sidecar = Running::start("sidecar", &double, &flags).await;
    let has = async |most: u32| {
        let line = format!("circuit_breakers.default.remaining_cx: {most}");
        sidecar.admin("/stats").await.contains(&line)
    };
    // Both have the same object: that of the file counts, and the other is told.
    assert!(has(3).await);
    let explained = sidecar.admin("/explain").await;
    assert!(
        explained.contains("a second DestinationRule"),
        "{explained}"
    );
    write(&file, connections(4));
    until(async || has(4).await).await;
    std::fs::remove_file(&file).unwrap();
    until(async || has(5).await).await;
    // And what only the cluster says is followed on.
    double.put(RULES, "demo", "user", connections(6));
    until(async || has(6).await).await;
    double.delete(RULES, "demo", "user");
    let unlimited = u32::MAX;
    until(async || has(unlimited).await).await;
}
