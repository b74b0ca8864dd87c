//! Where Istio's selection does what nobody meant: it is done, it is told, and it can be switched
//! off.

use std::fs;

use meshpool::istio::{Client, Query, QuirkKind, RuleSet, Selection, Service};

use crate::expected::data;

fn rule(name: &str, namespace: &str, second: u32, spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n\
         metadata: {{name: {name}, namespace: {namespace}, \
         creationTimestamp: '2024-01-01T00:00:{second:02}Z'}}\n\
         spec: {{host: reviews.default.svc.cluster.local, {spec}}}\n---\n"
    )
}

/// `exportTo`, and `maxConnections`.
fn exported(to: &str, most: u32) -> String {
    format!(
        "exportTo: [{to}], trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: {most}}}}}}}"
    )
}

fn set(text: &str, selection: Selection) -> RuleSet {
    let builder = RuleSet::builder().selection(selection);
    let set = builder.document("rules.yaml", text).build();
    assert!(set.is_valid(), "{:?}", set.problems());
    set
}

fn selected(set: &RuleSet, client: Client) -> Option<String> {
    let service = Service::new("reviews").namespace("default");
    let query = Query::outbound(service).client(client);
    let settings = set.settings(&query);
    settings.selected().map(|entry| entry.to_string())
}

/// What each namespace gets, in Istio's way and in the sane one.
fn check(text: &str, kind: QuirkKind, namespaces: &[(&str, Option<&str>, Option<&str>)]) -> String {
    let [istio, sane] = [Selection::Istio, Selection::Sane].map(|way| set(text, way));
    for (namespace, in_istio, in_sane) in namespaces {
        let found = [&istio, &sane].map(|set| selected(set, Client::new(*namespace)));
        assert_eq!(found[0].as_deref(), *in_istio, "{namespace}");
        assert_eq!(found[1].as_deref(), *in_sane, "{namespace}");
    }
    assert_eq!(sane.quirks().len(), 0);
    let quirks = istio.quirks();
    let [quirk] = &*quirks else {
        panic!("{quirks:?}");
    };
    assert_eq!(quirk.kind(), kind);
    quirk.to_string()
}

#[test]
fn a_rule_is_swallowed_by_one_with_a_selector() {
    let file = data().join("217-selector-inherits-when-exportto-dot.yaml");
    let text = fs::read_to_string(file).unwrap();
    let merged = Some("default/sel+default/plain");
    for (way, app_b) in [
        (Selection::Istio, None),
        (Selection::Sane, Some("default/plain")),
    ] {
        let set = set(&text, way);
        let app = |app| selected(&set, Client::new("default").label("app", app));
        assert_eq!(app("a").as_deref(), merged);
        assert_eq!(app("b").as_deref(), app_b);
    }
    let told = check(
        &text,
        QuirkKind::SwallowedBySelector,
        &[("default", None, Some("default/plain"))],
    );
    assert!(
        told.starts_with("default/plain becomes part of default/sel,"),
        "{told}"
    );
}

#[test]
fn a_rule_is_swallowed_by_one_that_is_exported_to_fewer() {
    let file = data().join("216-superset-exportto-loses-visibility.yaml");
    let text = fs::read_to_string(file).unwrap();
    let told = check(
        &text,
        QuirkKind::SwallowedByNarrowerExport,
        &[
            ("ns1", Some("default/old+default/new"), Some("default/new")),
            ("ns2", None, Some("default/new")),
            ("default", None, None),
        ],
    );
    assert!(
        told.starts_with("default/new becomes part of default/old,"),
        "{told}"
    );
}

#[test]
fn the_own_namespace_by_name_is_not_a_dot() {
    let text = rule("old", "default", 1, &exported("'.'", 1))
        + &rule("new", "default", 2, &exported("default", 2));
    let told = check(
        &text,
        QuirkKind::OwnNamespaceByName,
        &[(
            "default",
            Some("default/new"),
            Some("default/old+default/new"),
        )],
    );
    assert!(
        told.starts_with("default/new and default/old are exported"),
        "{told}"
    );
}

#[test]
fn a_dot_among_others_is_not_for_clients_in_the_root_namespace() {
    let text = rule("root", "istio-system", 1, &exported("'.', web", 1));
    let root = Some("istio-system/root");
    let told = check(
        &text,
        QuirkKind::HiddenFromRoot,
        &[("istio-system", None, root), ("web", root, root)],
    );
    assert!(
        told.starts_with("istio-system/root is exported to `.`"),
        "{told}"
    );
}

#[test]
fn a_rule_is_merged_and_stands_apart_where_a_third_lies_between() {
    let text = rule("one", "default", 1, &exported("web", 1))
        + &rule("two", "default", 2, &exported("shop", 2))
        + &rule("three", "default", 3, &exported("web", 3));
    let told = check(
        &text,
        QuirkKind::MergedAndApart,
        &[
            (
                "web",
                Some("default/three"),
                Some("default/one+default/three"),
            ),
            ("shop", Some("default/two"), Some("default/two")),
        ],
    );
    assert!(
        told.starts_with("default/three is merged into default/one"),
        "{told}"
    );
}

#[test]
fn settings_tell_the_quirks_of_their_host_though_no_rule_is_seen() {
    let file = data().join("216-superset-exportto-loses-visibility.yaml");
    let set = set(&fs::read_to_string(file).unwrap(), Selection::Istio);
    let quirks_for = |host: &str| {
        let service = Service::new(host).namespace("default");
        let query = Query::outbound(service).client(Client::new("ns2"));
        set.settings(&query).quirks().count()
    };
    assert_eq!(quirks_for("reviews"), 1);
    assert_eq!(quirks_for("ratings"), 0);
}
