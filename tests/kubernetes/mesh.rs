//! The settings of the mesh.

use meshpool::istio::kube::Kubernetes;
use meshpool::istio::rules::Rules;
use serde_json::{Value, json};

use crate::double::Double;
use crate::{RULES, allows, follow, follow_as, limit, status, until, until_limit};

/// The ConfigMap that istiod reads.
fn mesh(requests: u32) -> Value {
    let mesh = format!(
        "rootNamespace: istio-system\n\
         defaultTrafficPolicy:\n\
         \x20 connectionPool:\n\
         \x20   http: {{http2MaxRequests: {requests}}}\n"
    );
    json!({"data": {"mesh": mesh, "meshNetworks": "networks: {}"}})
}

#[tokio::test]
async fn the_default_of_the_mesh_holds_where_no_rule_does() {
    let double = Double::start().await;
    double.put("configmaps", "istio-system", "istio", mesh(7));
    double.put(
        "configmaps",
        "istio-system",
        "unrelated",
        json!({"data": {"mesh": "["}}),
    );
    let (rules, _watch) = follow(&double).await;
    assert_eq!(limit(&rules, "any"), Some(7));
    double.put("configmaps", "istio-system", "istio", mesh(8));
    until_limit(&rules, "any", Some(8)).await;
    double.delete("configmaps", "istio-system", "istio");
    until_limit(&rules, "any", None).await;
    until(|| is_missing(&rules)).await;
}

/// Whether it is told that there is no ConfigMap, and nothing else is.
fn is_missing(rules: &Rules) -> bool {
    let start = "kube:ConfigMap/istio-system/istio (watch): warning: there is no such ConfigMap";
    match &rules.problems()[..] {
        [] => false,
        [problem] => {
            assert!(problem.to_string().starts_with(start), "{problem}");
            true
        }
        problems => panic!("{problems:?}"),
    }
}

#[tokio::test]
async fn that_there_is_no_config_map_is_told_until_there_is_one() {
    let double = Double::start().await;
    let (rules, watch) = follow(&double).await;
    assert!(is_missing(&rules));
    assert!(rules.sources().iter().all(|source| !source.in_force));
    let status = || status(&watch, "ConfigMap");
    assert_eq!(status().failures, 0, "a mesh may have none");

    // What cannot be known is told instead, and then it is known again.
    until(|| double.watches("configmaps") == 1).await;
    double.say("configmaps", "nonsense");
    until(|| status().failures == 1).await;
    assert!(!rules.problems()[0].message().contains("no such ConfigMap"));
    until(|| status().error.is_none() && is_missing(&rules)).await;

    double.put("configmaps", "istio-system", "istio", mesh(7));
    until_limit(&rules, "any", Some(7)).await;
    until(|| rules.problems().is_empty()).await;
}

/// The ConfigMap of a mesh with this root namespace.
fn rooted(root: &str) -> Value {
    json!({"data": {"mesh": format!("rootNamespace: {root}")}})
}

#[tokio::test]
async fn the_config_map_is_where_istiod_is_wherever_the_root_is() {
    let double = Double::start().await;
    double.put("configmaps", "istiod", "istio", rooted("config"));
    double.put(RULES, "config", "a", allows("a.demo.svc.cluster.local", 5));
    let kubernetes = Kubernetes::new()
        .namespace("demo")
        .root_namespace("config")
        .mesh_config_namespace("istiod");
    let (rules, _watch) = follow_as(kubernetes, &double).await;
    assert_eq!(limit(&rules, "a"), Some(5));
    assert!(rules.problems().is_empty());
    assert!(double.asked("/namespaces/config/configmaps").is_empty());
}

#[tokio::test]
async fn a_root_namespace_that_is_not_followed_is_told_until_it_is_another() {
    let double = Double::start().await;
    double.put("configmaps", "istio-system", "istio", rooted("config"));
    double.put(RULES, "config", "a", allows("a.demo.svc.cluster.local", 5));
    let (rules, _watch) = follow_as(Kubernetes::new().namespace("demo"), &double).await;
    assert_eq!(limit(&rules, "a"), None);
    let told = |root: &str| {
        let start = format!(
            "kube:DestinationRule/{root}: warning: `{root}` is the root namespace of the mesh"
        );
        let problems = rules.problems();
        problems.len() == 1 && problems[0].to_string().starts_with(&start)
    };
    assert!(told("config"));
    double.put("configmaps", "istio-system", "istio", rooted("other"));
    until(|| told("other")).await;
    for followed in ["demo", "istio-system"] {
        double.put("configmaps", "istio-system", "istio", rooted(followed));
        until(|| rules.problems().is_empty()).await;
        double.put("configmaps", "istio-system", "istio", rooted("other"));
        until(|| told("other")).await;
    }

    // Of all namespaces it is one.
    let (rules, _watch) = follow(&double).await;
    assert!(rules.problems().is_empty());
}

#[tokio::test]
async fn the_config_map_may_have_any_name_that_is_said() {
    let double = Double::start().await;
    double.put("configmaps", "istio-system", "istio", mesh(7));
    double.put("configmaps", "istio-system", "ours", mesh(5));
    let ours = || Kubernetes::new().mesh_config("ours".to_owned());
    let (rules, _watch) = follow_as(ours(), &double).await;
    assert_eq!(limit(&rules, "any"), Some(5));

    // One that does not have the settings is told, and what was in force stays.
    let other = json!({"data": {"meshNetworks": "networks: {}"}});
    double.put("configmaps", "istio-system", "ours", other.clone());
    until(|| rules.stats().rejects == 1).await;
    assert_eq!(limit(&rules, "any"), Some(5));
    let problem = rules.problems().remove(0).to_string();
    assert!(
        problem.starts_with("kube:ConfigMap/istio-system/ours: error: no settings of a mesh"),
        "{problem}"
    );
    let (rules, _watch) = follow_as(ours(), &double).await;
    assert_eq!(limit(&rules, "any"), None);
    assert_eq!(rules.stats().rejects, 1);
}
