//! What changes in the cluster is in force.

use meshpool::istio::kube::Kubernetes;

use crate::double::{Double, Fault};
use crate::{
    RULES, allows, follow, follow_as, follow_rules, limit, status, until, until_limit, within,
};

#[tokio::test]
async fn what_is_there_is_in_force_once_settled_and_what_changes_follows() {
    let double = Double::start().await;
    double.put(RULES, "demo", "a", allows("a", 1));
    double.put(RULES, "demo", "b", allows("b", 1));
    let (rules, watch) = follow_rules(&double).await;
    assert!(watch.status().is_synced());
    assert_eq!((limit(&rules, "a"), limit(&rules, "b")), (Some(1), Some(1)));
    assert_eq!(rules.revision(), 1, "a list is one change");
    let names: Vec<_> = rules
        .sources()
        .into_iter()
        .map(|source| source.name)
        .collect();
    assert_eq!(
        names,
        ["kube:DestinationRule/demo/a", "kube:DestinationRule/demo/b"]
    );

    double.put(RULES, "demo", "a", allows("a", 2));
    until_limit(&rules, "a", Some(2)).await;
    double.put(RULES, "demo", "c", allows("c", 3));
    until_limit(&rules, "c", Some(3)).await;
    double.delete(RULES, "demo", "a");
    until_limit(&rules, "a", None).await;
    assert_eq!(limit(&rules, "b"), Some(1));
}

#[tokio::test]
async fn only_the_named_namespaces_and_the_root_namespace_are_asked_for() {
    let double = Double::start().await;
    double.put(RULES, "demo", "a", allows("a", 1));
    double.put(RULES, "root", "b", allows("b.demo.svc.cluster.local", 1));
    double.put(
        RULES,
        "elsewhere",
        "c",
        allows("c.demo.svc.cluster.local", 1),
    );
    let kubernetes = Kubernetes::new().namespace("demo").root_namespace("root");
    let (rules, watch) = follow_as(kubernetes, &double).await;
    assert_eq!(limit(&rules, "a"), Some(1));
    let sources = rules.sources();
    assert_eq!(sources.iter().filter(|source| source.in_force).count(), 2);
    assert_eq!(double.asked("elsewhere").len(), 0);
    assert!(
        double
            .asked("/apis/networking.istio.io/v1/destinationrules")
            .is_empty()
    );
    assert_eq!(
        watch.status().all().len(),
        5,
        "2 kinds in 2 namespaces, and the mesh's settings"
    );
}

#[tokio::test]
async fn nothing_is_followed_that_is_not_wanted() {
    let double = Double::start().await;
    let kubernetes = Kubernetes::new().sidecars(false).mesh_config(None);
    let (_rules, watch) = follow_as(kubernetes, &double).await;
    assert_eq!(watch.status().all().len(), 1);
    assert!(double.asked("sidecars").is_empty() && double.asked("configmaps").is_empty());
}

#[tokio::test]
async fn an_older_version_is_used_where_the_newest_is_not_served() {
    for served in ["v1beta1", "v1alpha3"] {
        let double = Double::start().await;
        double.serve_only(&[served]);
        double.put(RULES, "demo", "a", allows("a", 1));
        let (rules, watch) = follow(&double).await;
        assert_eq!(limit(&rules, "a"), Some(1), "{served}");
        assert_eq!(status(&watch, "DestinationRule").failures, 0);
        double.put(RULES, "demo", "a", allows("a", 2));
        until_limit(&rules, "a", Some(2)).await;
    }
}

#[tokio::test]
async fn a_list_of_many_pages_is_one_change() {
    const MANY: u32 = 1_234;

    let double = Double::start().await;
    for number in 0..MANY {
        let name = format!("host{number}");
        double.put(RULES, "demo", &name, allows(&name, number + 1));
    }
    let (rules, _watch) = follow_rules(&double).await;
    assert_eq!(rules.sources().len(), MANY as usize);
    assert_eq!(rules.revision(), 1);
    assert_eq!(limit(&rules, "host1233"), Some(1234));
    assert!(double.asked("continue=1000").len() == 1, "it came in pages");
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_from_the_last_bookmark() {
    let double = Double::start().await;
    double.put(RULES, "demo", "a", allows("a", 1));
    let (rules, watch) = follow(&double).await;
    until(|| double.watches(RULES) == 1).await;
    double.bookmark();
    // A watch from before the bookmark would be too late.
    double.forget();
    double.disconnect();
    double.put(RULES, "demo", "a", allows("a", 2));
    until_limit(&rules, "a", Some(2)).await;
    let status = status(&watch, "DestinationRule");
    assert_eq!((status.lists, status.failures), (1, 0));
}

#[tokio::test]
async fn a_watch_that_is_cut_goes_on_from_the_last_change() {
    let double = Double::start().await;
    double.put(RULES, "demo", "a", allows("a", 1));
    let (rules, watch) = follow(&double).await;
    until(|| double.watches(RULES) == 1).await;
    double.put(RULES, "demo", "a", allows("a", 2));
    until_limit(&rules, "a", Some(2)).await;
    double.forget();
    double.cut();
    double.put(RULES, "demo", "a", allows("a", 3));
    until_limit(&rules, "a", Some(3)).await;
    let status = status(&watch, "DestinationRule");
    assert_eq!((status.lists, status.failures), (1, 0));
}

#[tokio::test]
async fn a_server_that_ends_each_watch_at_once_is_still_followed() {
    let double = Double::start().await;
    double.put(RULES, "demo", "a", allows("a", 1));
    double.fail(RULES, Fault::Short);
    let (rules, _watch) = follow(&double).await;
    within(double.until_asked("destinationrules?&watch", 5)).await;
    double.put(RULES, "demo", "a", allows("a", 2));
    until_limit(&rules, "a", Some(2)).await;
}

#[tokio::test]
async fn dropping_the_handle_ends_the_following_and_leaves_what_is_in_force() {
    let double = Double::start().await;
    double.put(RULES, "demo", "a", allows("a", 1));
    let (rules, watch) = follow(&double).await;
    until(|| double.watches(RULES) == 1).await;
    let status = watch.status();
    drop(watch);
    until(|| double.watches(RULES) == 0).await;
    double.put(RULES, "demo", "a", allows("a", 2));
    assert_eq!(limit(&rules, "a"), Some(1));
    assert!(status.is_synced(), "its last state can still be read");
}
