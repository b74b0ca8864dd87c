//! `user` and `sidecar` with `--kube`.

use serde_json::json;

use crate::double::{Double, Fault};
use crate::process::Running;
use crate::{RULES, allows};

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
