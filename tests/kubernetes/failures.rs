//! What fails is reported, and what was in force stays.

use meshpool::istio::Gate;
use meshpool::istio::kube::Kubernetes;
use meshpool::istio::rules::Rules;
use serde_json::json;

use crate::double::{Double, Fault};
use crate::{RULES, allows, follow, follow_as, follow_rules, limit, status, until, until_limit};

const KIND: &str = "DestinationRule";

#[tokio::test]
async fn what_may_not_be_listed_is_reported_and_asked_for_again() {
    let double = Double::start().await;
    double.put(RULES, "demo", "a", allows("a", 1));
    double.fail(RULES, Fault::Status(403, "Forbidden"));
    let (rules, watch) = follow_rules(&double).await;
    assert_eq!(limit(&rules, "a"), None);
    assert!(!watch.status().is_synced());
    let error = status(&watch, KIND).error.unwrap();
    assert!(
        error.starts_with("cannot be listed: 403 Forbidden: "),
        "{error}"
    );
    let problems = rules.problems();
    assert_eq!(problems.len(), 1);
    assert_eq!(
        problems[0].to_string(),
        format!("kube:DestinationRule/*: error: {error}")
    );
    // The others are not concerned.
    assert_eq!(status(&watch, "Sidecar").error, None);

    double.fail(RULES, None);
    until_limit(&rules, "a", Some(1)).await;
    until(|| watch.status().is_synced()).await;
    assert!(rules.problems().is_empty());
}

#[tokio::test]
async fn what_may_be_listed_and_not_watched_is_in_force_and_reported_until_it_may() {
    let double = Double::start().await;
    double.put(RULES, "demo", "a", allows("a", 1));
    double.fail(RULES, Fault::Watches(403, "Forbidden"));
    let (rules, watch) = follow_rules(&double).await;
    assert_eq!(limit(&rules, "a"), Some(1));
    until(|| status(&watch, KIND).failures == 1).await;
    let error = status(&watch, KIND).error.unwrap();
    assert!(
        error.starts_with("cannot be watched: 403 Forbidden: "),
        "{error}"
    );
    let revision = rules.revision();
    double.put(RULES, "demo", "a", allows("a", 2));
    until(|| status(&watch, KIND).failures == 2).await;
    assert_eq!(limit(&rules, "a"), Some(2), "the list is in force");
    assert_eq!(rules.revision(), revision + 1);

    double.fail(RULES, None);
    until(|| watch.status().is_synced()).await;
    assert!(rules.problems().is_empty());
    assert_eq!(status(&watch, KIND).failures, 2);
}

#[tokio::test]
async fn where_istio_is_not_installed_that_is_reported() {
    let double = Double::start().await;
    double.serve_only(&[]);
    let (_rules, watch) = follow(&double).await;
    let error = status(&watch, KIND).error.unwrap();
    assert_eq!(
        error,
        "the API server knows no DestinationRule: are Istio's CRDs installed?"
    );
    for version in ["v1", "v1beta1", "v1alpha3"] {
        assert!(
            !double
                .asked(&format!("istio.io/{version}/destinationrules"))
                .is_empty()
        );
    }
    assert_eq!(status(&watch, "ConfigMap").error, None);

    // The ConfigMap is none of them.
    double.fail("configmaps", Fault::Status(404, "NotFound"));
    let (_rules, watch) = follow(&double).await;
    let error = status(&watch, "ConfigMap").error.unwrap();
    assert_eq!(error, "the API server knows no ConfigMap");
}

#[tokio::test]
async fn an_outage_changes_nothing_and_what_it_hid_comes_as_one_change() {
    let double = Double::start().await;
    double.put(RULES, "demo", "a", allows("a", 1));
    double.put(RULES, "demo", "b", allows("b", 1));
    double.put(RULES, "demo", "c", allows("c", 1));
    let (rules, watch) = follow(&double).await;
    until(|| double.watches(RULES) == 1).await;
    let revision = rules.revision();

    double.go_away();
    until(|| status(&watch, KIND).failures > 0).await;
    assert!(
        status(&watch, KIND)
            .error
            .unwrap()
            .starts_with("cannot be watched")
    );
    assert_eq!((limit(&rules, "a"), limit(&rules, "b")), (Some(1), Some(1)));
    assert_eq!(rules.revision(), revision);

    double.put(RULES, "demo", "a", allows("a", 2));
    double.delete(RULES, "demo", "b");
    double.forget();
    double.come_back();
    until_limit(&rules, "a", Some(2)).await;
    assert_eq!(limit(&rules, "b"), None, "it vanished meanwhile");
    assert_eq!(limit(&rules, "c"), Some(1));
    assert_eq!(rules.revision(), revision + 1, "both at once");
    // What did not change was not read again.
    assert_eq!(rules.stats().updates, 4);
}

#[tokio::test]
async fn a_watch_that_is_too_late_lists_again_and_nothing_flickers() {
    for gone in [None, Some(Fault::Gone)] {
        let double = Double::start().await;
        double.put(RULES, "demo", "a", allows("a", 1));
        double.put(RULES, "demo", "b", allows("b", 1));
        let (rules, watch) = follow(&double).await;
        until(|| double.watches(RULES) == 1).await;
        double.fail(RULES, gone);
        let revision = rules.revision();
        // The watch is cut, and does not hear of what comes then; and that is forgotten.
        double.disconnect();
        double.delete(RULES, "demo", "b");
        double.put(RULES, "demo", "a", allows("a", 2));
        double.forget();
        until_limit(&rules, "a", Some(2)).await;
        assert_eq!(limit(&rules, "b"), None);
        assert_eq!(rules.revision(), revision + 1, "both at once");
        until(|| status(&watch, KIND).error.is_none()).await;
        assert_eq!(status(&watch, KIND).lists, 2);
    }
}

#[tokio::test]
async fn an_object_that_cannot_be_read_keeps_what_it_said_when_it_could() {
    let double = Double::start().await;
    double.put(RULES, "demo", "a", allows("a", 1));
    let (rules, watch) = follow_rules(&double).await;
    let wrong = json!({"spec": {"host": "a", "trafficPolicy": {
        "connectionPool": {"http": {"http2MaxRequests": "many"}}}}});
    double.put(RULES, "demo", "a", wrong);
    until(|| rules.stats().rejects == 1).await;
    assert_eq!(limit(&rules, "a"), Some(1));
    let problem = rules.problems().remove(0).to_string();
    // It has no lines that anybody sees.
    let place = "kube:DestinationRule/demo/a: error: \
                 spec.trafficPolicy.connectionPool.http.http2MaxRequests: ";
    assert!(problem.starts_with(place), "{problem}");
    assert_eq!(status(&watch, KIND).failures, 0);
    double.put(RULES, "demo", "a", allows("a", 2));
    until_limit(&rules, "a", Some(2)).await;
    assert!(rules.problems().is_empty());
}

#[tokio::test]
async fn a_field_of_a_newer_istio_is_told_and_is_not_the_end_of_the_rule() {
    let newer = json!({"spec": {"host": "a", "trafficPolicy": {"connectionPool": {
        "http": {"http2MaxRequests": 1, "http3MaxRequests": 2}}}}});
    let double = Double::start().await;
    double.put(RULES, "demo", "a", newer);
    let (rules, _watch) = follow_rules(&double).await;
    assert_eq!(limit(&rules, "a"), Some(1));
    let problem = rules.problems().remove(0).to_string();
    assert!(
        problem.contains("warning: spec.trafficPolicy.connectionPool.http.http3MaxRequests"),
        "{problem}"
    );
    assert_eq!(rules.stats().rejects, 0);

    let strict = Kubernetes::new().gate(Gate::Strict);
    let (rules, _watch) = follow_as(strict, &double).await;
    assert_eq!(limit(&rules, "a"), None);
    assert_eq!(rules.stats().rejects, 1);
}

/// It got past the admission once: while istiod's webhook was away, say.
#[tokio::test]
async fn an_object_that_istios_admission_would_refuse_is_in_force_and_reported() {
    let double = Double::start().await;
    let odd = json!({"spec": {"host": "a", "trafficPolicy": {
        "connectionPool": {"http": {"http2MaxRequests": 4, "maxRetries": -1}}}}});
    double.put(RULES, "demo", "a", odd);
    let (rules, _watch) = follow_rules(&double).await;
    assert_eq!(limit(&rules, "a"), Some(4));
    let problem = rules.problems().remove(0).to_string();
    assert!(
        problem.starts_with("kube:DestinationRule/demo/a: error: ")
            && problem.contains("-1 is negative"),
        "{problem}"
    );
    assert_eq!(rules.stats().rejects, 0);

    let strict = Kubernetes::new().gate(Gate::Strict);
    let (rules, _watch) = follow_as(strict, &double).await;
    assert_eq!((limit(&rules, "a"), rules.stats().rejects), (None, 1));
}

#[tokio::test]
async fn a_list_of_nonsense_is_reported_and_changes_nothing() {
    for nonsense in [
        "{",
        "[1, 2]",
        "null",
        r#"{"items": 5}"#,
        r#"{"items": [{"metadata": 5}]}"#,
        "<html>",
    ] {
        let double = Double::start().await;
        double.put(RULES, "demo", "a", allows("a", 1));
        double.fail(RULES, Fault::Text(nonsense.to_owned()));
        let (rules, watch) = follow(&double).await;
        let error = status(&watch, KIND).error.expect(nonsense);
        assert!(error.len() < 600, "{error}");
        assert_eq!(rules.revision(), 0);
        double.fail(RULES, None);
        until_limit(&rules, "a", Some(1)).await;
    }
}

#[tokio::test]
async fn nonsense_in_a_watch_is_reported_and_everything_is_listed_again() {
    for nonsense in [
        "nonsense".to_owned(),
        r#"{"type": "ADDED"}"#.to_owned(),
        r#"{"type": "ADDED", "object": {"metadata": {"name": 5}}}"#.to_owned(),
        r#"{"type": "ADDED", "object": {"metadata": {"name": "x"}}}"#.to_owned(),
        json!({"type": "ERROR", "object": {"code": 500, "message": "x".repeat(100_000)}})
            .to_string(),
    ] {
        let double = Double::start().await;
        double.put(RULES, "demo", "a", allows("a", 1));
        let (rules, watch) = follow_rules(&double).await;
        until(|| double.watches(RULES) == 1).await;
        double.say(RULES, &nonsense);
        until(|| status(&watch, KIND).failures == 1).await;
        let error = rules.problems().remove(0).to_string();
        assert!(error.len() < 600, "{error}");
        assert_eq!(limit(&rules, "a"), Some(1));
        until(|| status(&watch, KIND).lists == 2).await;
        double.put(RULES, "demo", "a", allows("a", 2));
        until_limit(&rules, "a", Some(2)).await;
        assert!(rules.problems().is_empty());
    }
}

#[tokio::test]
async fn without_a_usable_configuration_there_is_nothing_to_follow() {
    let kubernetes = Kubernetes::new().kubeconfig("/nowhere/config");
    let error = kubernetes
        .follow(&Rules::new())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("no usable configuration"), "{error}");
    assert!(error.contains("/nowhere/config"), "{error}");
}
