//! What operators see and do.

use super::{Sidecar, answer, is, nobody};
use crate::process::{self, RuleFile, output};
use crate::upstream::Upstream;

#[tokio::test]
async fn all_numbers_that_envoy_was_seen_to_tell_are_there_from_the_start() {
    let sidecar = Sidecar::before(&nobody(), &[]).await;
    let stats = sidecar.stats().await;
    let observations = include_str!("../../outbound/observations.json");
    let scenarios: serde_json::Value = serde_json::from_str(observations).unwrap();
    let scenarios = scenarios.as_array().unwrap();
    let mut seen = 0;
    for step in scenarios
        .iter()
        .flat_map(|it| it["steps"].as_array().unwrap())
    {
        for (field, prefix) in [("delta", "upstream_"), ("cb", "circuit_breakers.")] {
            for name in step[field].as_object().into_iter().flat_map(|it| it.keys()) {
                // One scenario has a priority of its own, which there is none of here.
                if name.starts_with("high.") {
                    continue;
                }
                seen += 1;
                let name = format!("cluster.up.{prefix}{name}");
                assert!(stats.contains_key(&name), "{name}");
            }
        }
    }
    assert!(seen > 1000, "{seen}");
    for (name, value) in &stats {
        let is_unlimited = name.contains("remaining_");
        let expected = if is_unlimited { u64::from(u32::MAX) } else { 0 };
        assert_eq!(*value, expected, "{name}");
    }
    let text = sidecar.admin("/stats").await;
    assert!(text.lines().is_sorted(), "{text}");
    assert_eq!(sidecar.admin("/healthz").await, "ok\n");
}

#[tokio::test]
async fn the_metrics_have_envoys_names() {
    let mut upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&upstream, &[]).await;
    let _held = sidecar.get("/");
    let _arrival = upstream.next().await;
    let page = sidecar.admin("/metrics").await;
    for line in [
        "# TYPE envoy_cluster_upstream_rq_total counter",
        "envoy_cluster_upstream_rq_total{envoy_cluster_name=\"up\"} 1",
        "# TYPE envoy_cluster_upstream_rq_active gauge",
        "envoy_cluster_upstream_rq_active{envoy_cluster_name=\"up\"} 1",
        "envoy_cluster_circuit_breakers_default_rq_open{envoy_cluster_name=\"up\"} 0",
        "rules_update_success 0",
    ] {
        assert!(page.lines().any(|each| each == line), "{line} in:\n{page}");
    }
}

#[tokio::test]
async fn sigterm_serves_what_is_active_and_ends() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &[]).await;
    let task = sidecar.get("/");
    let arrival = upstream.next().await;
    sidecar.process.terminate().await;
    sidecar.process.says("draining").await;
    arrival.answer(200, "ok");
    is(&answer(task).await, 200, "ok");
    sidecar.logs("GET / 200 -").await;
    assert!(sidecar.process.ended().await.success());
}

#[tokio::test]
async fn an_upstream_that_is_none_is_refused() {
    for upstream in [
        "127.0.0.1:80",
        "ftp://up",
        "http://up/path",
        "http://me@up",
        "http://up:99999",
    ] {
        let output = output("sidecar", &["--upstream", upstream]).await;
        assert_eq!(output.status.code(), Some(2), "{upstream}");
        let complaint = process::text(&output.stderr);
        assert!(
            complaint.contains("expected http://HOST:PORT or https://HOST:PORT"),
            "{complaint}"
        );
    }
}

#[tokio::test]
async fn a_rule_that_turns_the_idle_timeout_off_is_not_overruled_by_the_default() {
    let upstream = Upstream::start().await;
    for (pool, shown) in [
        ("http: {http2MaxRequests: 3}", serde_json::json!("1h0m0s")),
        ("tcp: {idleTimeout: 0s}", serde_json::Value::Null),
    ] {
        let rule = RuleFile::with(pool);
        let sidecar = Sidecar::start(&upstream, &["--rule", &rule.path()]).await;
        let text = sidecar.admin("/explain.json").await;
        let explanation: serde_json::Value = serde_json::from_str(&text).unwrap();
        let rows = explanation["limits"].as_array().unwrap();
        let idle = rows.iter().find(|row| row["field"] == "idle_timeout");
        assert_eq!(idle.unwrap()["value"], shown, "{pool}");
    }
}
