//! The settings of the mesh.

use serde_json::{Value, json};

use crate::double::Double;
use crate::{follow, limit, until_limit};

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
