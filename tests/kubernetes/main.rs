//! Rules from the Kubernetes API, through the real client over HTTP, against a double of the API
//! server. Every wait is for an event.

mod changes;
mod double;
mod examples;
mod failures;
mod manifests;
mod mesh;
mod process;

use std::time::Duration;

use meshpool::istio::Service;
use meshpool::istio::kube::{KubeWatch, Kubernetes, WatchStatus};
use meshpool::istio::rules::Rules;
use serde_json::{Value, json};

use self::double::Double;

const RULES: &str = "destinationrules";

/// What takes a minute never comes. It is no measure of anything, and only ends a test that hangs.
async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .expect("it should have come to an end long ago")
}

/// A rule for a host, that allows so many requests. Kubernetes leaves the kind out of lists.
fn allows(host: &str, requests: u32) -> Value {
    json!({"spec": {"host": host, "trafficPolicy": {
        "connectionPool": {"http": {"http2MaxRequests": requests}}}}})
}

/// Follows all namespaces, from when what is there is in force.
async fn follow(double: &Double) -> (Rules, KubeWatch) {
    follow_as(Kubernetes::new(), double).await
}

/// The same without the mesh's settings, which the double has none of.
async fn follow_rules(double: &Double) -> (Rules, KubeWatch) {
    follow_as(Kubernetes::new().mesh_config(None), double).await
}

async fn follow_as(kubernetes: Kubernetes, double: &Double) -> (Rules, KubeWatch) {
    let rules = Rules::new();
    let kubernetes = kubernetes.kubeconfig(double.kubeconfig());
    let mut watch = kubernetes.follow(&rules).await.unwrap();
    within(watch.settled()).await;
    (rules, watch)
}

/// How many requests a service of the namespace `demo` may serve at once.
fn limit(rules: &Rules, host: &str) -> Option<u32> {
    let service = Service::new(host).namespace("demo");
    rules.inbound(service).limits().max_requests
}

/// Waits until that is so.
async fn until_limit(rules: &Rules, host: &str, requests: Option<u32>) {
    let mut limits = rules.inbound(Service::new(host).namespace("demo"));
    within(async { while limits.changed().await.max_requests != requests {} }).await;
}

/// Waits until it is so.
async fn until(so: impl Fn() -> bool) {
    within(async {
        while !so() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// How it stands with a kind.
fn status(watch: &KubeWatch, kind: &str) -> WatchStatus {
    let mut all = watch.status().all().into_iter();
    all.find(|status| status.kind == kind).unwrap()
}
