//! Rules, and what they limit.

use super::{OVERFLOW, Sidecar, answer, headers, is};
use crate::process::{RuleFile, json, output};
use crate::upstream::Upstream;

#[tokio::test]
async fn of_many_rules_the_one_for_its_upstream_and_its_callers_is_obeyed() {
    let rule = RuleFile::missing();
    let text = |connections: u32| {
        format!(
            "apiVersion: networking.istio.io/v1\n\
             kind: DestinationRule\n\
             metadata: {{name: user, namespace: demo}}\n\
             spec:\n\
             \x20 host: user\n\
             \x20 trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: {connections}}}}}}}\n\
             \x20 subsets:\n\
             \x20 - name: v2\n\
             \x20   labels: {{version: v2}}\n\
             \x20   trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: 5}}}}}}\n\
             ---\n\
             apiVersion: networking.istio.io/v1\n\
             kind: DestinationRule\n\
             metadata: {{name: batch, namespace: demo}}\n\
             spec:\n\
             \x20 host: user\n\
             \x20 workloadSelector: {{matchLabels: {{app: batch}}}}\n\
             \x20 trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: 6}}}}}}\n"
        )
    };
    rule.write_text(&text(3));
    let remaining = "cluster.up.circuit_breakers.default.remaining_cx";
    let directory = rule.directory();
    let flags = ["--rules", &directory, "--client-namespace", "demo"];
    let upstream = "http://user.demo.svc.cluster.local:80";
    for (more, connections) in [
        (&["--subset", "v2"][..], 5),
        (&["--client-label", "app=batch"], 6),
        (&[], 3),
    ] {
        let sidecar = Sidecar::before(upstream, &[&flags[..], more].concat()).await;
        assert_eq!(sidecar.stat(remaining).await, connections);
    }
    let in_another = [&flags[..], &["--cluster-domain", "mesh.test"]].concat();
    let sidecar = Sidecar::before("http://user.demo.svc.mesh.test", &in_another).await;
    assert_eq!(sidecar.stat(remaining).await, 3);
    let sidecar = Sidecar::before("http://user", &flags).await;
    assert_eq!(sidecar.stat(remaining).await, 3);
    rule.write_text(&text(4));
    sidecar.until("rules.update_success", 2).await;
    assert_eq!(sidecar.stat(remaining).await, 4);
    assert_eq!(sidecar.stat("rules.limit_changes").await, 1);
    rule.write_text("kind: [");
    sidecar.until("rules.update_rejected", 1).await;
    assert_eq!(sidecar.stat(remaining).await, 4);
}

#[tokio::test]
async fn it_explains_what_is_in_force_from_a_file_and_among_many_rules() {
    let rule = RuleFile::with("tcp: {maxConnections: 3}, http: {http1MaxPendingRequests: 2}");
    let (path, directory) = (rule.path(), rule.directory());
    for flags in [
        &["--rule", &path][..],
        &["--rules", &directory, "--client-namespace", "default"],
    ] {
        let sidecar = Sidecar::before("http://user", flags).await;
        let said: serde_json::Value =
            serde_json::from_str(&sidecar.admin("/explain.json").await).unwrap();
        let limit = |name: &str| {
            let mut limits = said["limits"].as_array().unwrap().iter();
            limits.find(|limit| limit["field"] == name).unwrap()
        };
        assert_eq!(limit("max_connections")["value"], 3);
        let source = limit("max_connections")["source"].as_str().unwrap();
        let field = "default/user, spec.trafficPolicy.connectionPool.tcp.maxConnections (";
        assert!(source.starts_with(field), "{source}");
        // What the rule leaves out is what this program has instead.
        assert_eq!(limit("connect_timeout")["value"], "10s");
        assert_eq!(limit("idle_timeout")["value"], "1h0m0s");
        assert_eq!(said["pool"]["max_pending_requests"], 2);
        let text = sidecar.admin("/explain").await;
        assert!(
            text.contains("0 active of any number, 0 pending of 2, 0 refused"),
            "{text}"
        );
    }
}

/// The limit on connections, and what is said of it.
fn connections(said: &serde_json::Value) -> &serde_json::Value {
    let mut limits = said["limits"].as_array().unwrap().iter();
    let limit = limits.find(|limit| limit["field"] == "max_connections");
    &limit.unwrap()["value"]
}

#[tokio::test]
async fn what_holds_for_a_host_outside_the_cluster_is_what_explain_says() {
    let rule = RuleFile::missing();
    let text = |namespace: &str, connections: u32| {
        format!(
            "---\n\
             apiVersion: networking.istio.io/v1\n\
             kind: DestinationRule\n\
             metadata: {{name: api, namespace: {namespace}}}\n\
             spec:\n\
             \x20 host: api.example.org\n\
             \x20 trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: {connections}}}}}}}\n"
        )
    };
    let remaining = "cluster.up.circuit_breakers.default.remaining_cx";
    let egress = text("egress", 3);
    let both = egress.clone() + &text("partners", 4);
    for (text, flags, limit) in [
        (&egress, &["--client-namespace", "web"][..], Some(3)),
        (&both, &["--client-namespace", "web"], None),
        (&both, &["--client-namespace", "partners"], Some(4)),
        (&both, &["--namespace", "partners"], Some(4)),
    ] {
        rule.write_text(text);
        let path = rule.path();
        let flags = [&["--rules", &path][..], flags].concat();
        let sidecar = Sidecar::before("http://api.example.org", &flags).await;
        if let Some(limit) = limit {
            assert_eq!(sidecar.stat(remaining).await, limit);
        }
        let here = serde_json::from_str(&sidecar.admin("/explain.json").await).unwrap();
        let asked = ["--json", "--host", "api.example.org", "--port", "80"];
        let there = json(&output("explain", &[&asked[..], &flags].concat()).await);
        assert_eq!(*connections(&here), serde_json::json!(limit), "{text}");
        assert_eq!(connections(&there), connections(&here));
        assert_eq!(there["problems"], here["problems"]);
    }
}

#[tokio::test]
async fn a_rule_is_obeyed_live_in_place() {
    let rule = RuleFile::missing();
    let mut upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&upstream, &["--rule", &rule.path()]).await;
    assert_eq!(sidecar.stat("rules.update_success").await, 0);
    let remaining = "cluster.up.circuit_breakers.default.remaining_cx";
    assert!(sidecar.stat(remaining).await > u64::from(u32::MAX / 2));

    rule.write("tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}");
    sidecar.until("rules.update_success", 1).await;
    assert_eq!(sidecar.stat(remaining).await, 1);
    let task_a = sidecar.get("/a");
    let arrival_a = upstream.expect("/a").await;
    let task_b = sidecar.get("/b");
    sidecar.until_load(1, 1).await;
    is(&answer(sidecar.get("/c")).await, 503, OVERFLOW);

    // Raised, it lets in who waits.
    rule.write("tcp: {maxConnections: 2}, http: {http1MaxPendingRequests: 1}");
    let arrival_b = upstream.expect("/b").await;
    sidecar.until("rules.update_success", 2).await;

    // Broken, it changes nothing.
    rule.write_text("kind: [");
    sidecar.until("rules.update_rejected", 1).await;
    assert_eq!(sidecar.stat(remaining).await, 0);
    let task_d = sidecar.get("/d");
    sidecar.until_load(2, 1).await;

    // Deleted, it limits nothing; and through all of it nobody was harmed.
    rule.delete();
    let arrival_d = upstream.expect("/d").await;
    sidecar.until("rules.update_success", 3).await;
    assert_eq!(sidecar.stat("rules.limit_changes").await, 3);
    for (arrival, task) in [
        (arrival_a, task_a),
        (arrival_b, task_b),
        (arrival_d, task_d),
    ] {
        arrival.answer(200, "ok");
        is(&answer(task).await, 200, "ok");
    }
    assert_eq!(sidecar.upstream("cx_total").await, 3);
}

#[tokio::test]
async fn a_client_that_leaves_frees_everything() {
    let rule = RuleFile::with("tcp: {maxConnections: 1}");
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &["--rule", &rule.path()]).await;
    let active = sidecar.raw("GET /active HTTP/1.1\nhost: up\n\n").await;
    let arrival = upstream.expect("/active").await;
    let pending = sidecar.raw("GET /pending HTTP/1.1\nhost: up\n\n").await;
    sidecar.until_load(1, 1).await;

    drop(pending);
    sidecar.until_load(1, 0).await;
    sidecar.logs("GET /pending 0 DC").await;
    assert_eq!(sidecar.upstream("rq_cancelled").await, 1);
    drop(active);
    arrival.abandoned().await;
    sidecar.is_idle().await;
    sidecar.logs("GET /active 0 DC").await;
    sidecar.until("cluster.up.upstream_cx_active", 0).await;

    // In the middle of a response.
    let mut raw = sidecar.raw("GET /reading HTTP/1.1\nhost: up\n\n").await;
    let arrival = upstream.expect("/reading").await;
    let rest = arrival.answer_head(headers([("content-length", "10")]));
    rest.data("part");
    raw.until("part").await;
    drop(raw);
    sidecar.is_idle().await;
    sidecar.logs("GET /reading 200 DC").await;
    assert!(!upstream.has_more());
}
