//! The settings of the mesh.

use meshpool::istio::kube::Kubernetes;
use serde_json::{Value, json};

use crate::double::Double;
use crate::{follow, follow_as, limit, until_limit};

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
    crate::until(|| rules.stats().rejects == 1).await;
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
