//! Which rule applies: against a scan that is written from the description, and what does not
//! matter.

mod model;
mod quirks;

use std::collections::{BTreeMap, BTreeSet};

use meshpool::istio::{Client, Query, RuleSet, Selection, Service};
use proptest::prelude::*;
use serde_json::json;

use self::model::{Asked, ROOT, Rule, select};

const NAMESPACES: [&str; 3] = ["a", "b", ROOT];
const APPS: [Option<&str>; 3] = [None, Some("x"), Some("y")];
const HOSTS: [&str; 6] = [
    "s",
    "s.a.svc.cluster.local",
    "*.a.svc.cluster.local",
    "*s.a.svc.cluster.local",
    "*.svc.cluster.local",
    "*",
];
const SERVICES: [(&str, &str); 5] = [
    ("s.a.svc.cluster.local", "a"),
    ("s.b.svc.cluster.local", "b"),
    ("t.a.svc.cluster.local", "a"),
    ("*.a.svc.cluster.local", "a"),
    ("s.istio-system.svc.cluster.local", ROOT),
];

fn document(rule: &Rule) -> String {
    let mut spec = json!({ "host": rule.host });
    if !rule.export_to.is_empty() {
        spec["exportTo"] = json!(rule.export_to);
    }
    if let Some(labels) = &rule.selector {
        spec["workloadSelector"] = json!({ "matchLabels": labels });
    }
    if let Some(most) = rule.policy {
        let pool = json!({ "tcp": { "maxConnections": most } });
        spec["trafficPolicy"] = json!({ "connectionPool": pool });
    }
    if !rule.subsets.is_empty() {
        let subsets = rule.subsets.iter().map(|name| json!({ "name": name }));
        spec["subsets"] = subsets.collect();
    }
    let metadata = json!({
        "name": rule.name,
        "namespace": rule.namespace,
        "creationTimestamp": format!("2024-01-01T00:00:{:02}Z", rule.created),
    });
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": metadata,
        "spec": spec,
    })
    .to_string()
}

fn set<'a>(
    rules: impl IntoIterator<Item = &'a Rule>,
    private_by_default: bool,
    selection: Selection,
) -> RuleSet {
    let mut builder = RuleSet::builder().selection(selection);
    for rule in rules {
        builder = builder.document(&*rule.name, document(rule));
    }
    if private_by_default {
        let spec = json!({ "defaultDestinationRuleExportTo": ["."] });
        let mesh = json!({ "apiVersion": "mesh", "kind": "MeshConfig", "spec": spec });
        builder = builder.document("mesh", mesh.to_string());
    }
    let set = builder.build();
    assert!(set.is_valid(), "{:?}", set.problems());
    set
}

/// Everybody who could ask for anything.
fn everybody() -> Vec<Asked> {
    let mut all = Vec::new();
    for inbound in [false, true] {
        for client in NAMESPACES {
            for app in APPS {
                for (host, namespace) in SERVICES {
                    all.push(Asked {
                        inbound,
                        client,
                        app,
                        host,
                        namespace,
                    });
                }
            }
        }
    }
    all
}

fn query(asked: Asked) -> Query {
    let service = Service::new(asked.host).namespace(asked.namespace);
    let query = match asked.inbound {
        true => Query::inbound(service),
        false => Query::outbound(service),
    };
    let client = Client::new(asked.client);
    query.client(match asked.app {
        Some(app) => client.label("app", app),
        None => client,
    })
}

/// What a set says: candidates, the one that applies, its subsets, and every value with its
/// source.
fn answer(set: &RuleSet, asked: Asked) -> String {
    let query = query(asked);
    let settings = set.settings(&query);
    let candidates: Vec<_> = settings.candidates().collect();
    let subsets: Vec<_> = settings.subsets().collect();
    let (selected, values) = (settings.selected(), settings.values());
    format!("{candidates:?} {selected:?} {subsets:?} {values:?}")
}

/// Rules with different names, so that their order is their own.
fn rules(most: usize) -> impl Strategy<Value = Vec<Rule>> {
    prop::collection::vec(rule(), 1..most).prop_map(|mut rules| {
        for (index, rule) in rules.iter_mut().enumerate() {
            rule.name = format!("r{index}");
        }
        rules
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let selector = prop_oneof![
        4 => Just(None),
        1 => Just(Some(BTreeMap::new())),
        1 => Just(Some(BTreeMap::from([("app", "x")]))),
        1 => Just(Some(BTreeMap::from([("app", "y")]))),
    ];
    let export_to = prop_oneof![
        2 => Just(BTreeSet::new()),
        1 => Just(BTreeSet::from(["*"])),
        2 => Just(BTreeSet::from(["."])),
        4 => prop::collection::btree_set(
            prop::sample::select(vec![".", "a", "b", ROOT]), 1..4),
    ];
    let policy = prop::option::weighted(0.7, 1..1000u32);
    let subsets = prop::collection::btree_set(prop::sample::select(vec!["v1", "v2", "v3"]), 0..3);
    let place = (
        prop::sample::select(NAMESPACES.to_vec()),
        prop::sample::select(HOSTS.to_vec()),
    );
    (place, 0..4u32, selector, export_to, policy, subsets).prop_map(
        |((namespace, host), created, selector, mut export_to, policy, subsets)| {
            // What validation refuses.
            if export_to.contains(".") {
                export_to.remove(namespace);
            }
            if selector.is_some() {
                export_to = BTreeSet::new();
            }
            Rule {
                name: String::new(),
                namespace,
                created,
                host,
                export_to,
                selector,
                policy,
                subsets,
            }
        },
    )
}

fn selection() -> impl Strategy<Value = Selection> {
    prop_oneof![Just(Selection::Istio), Just(Selection::Sane)]
}

proptest! {
    #[test]
    fn an_index_finds_what_a_scan_finds(
        rules in rules(12), private_by_default: bool, selection in selection(),
    ) {
        let set = set(&rules, private_by_default, selection);
        for asked in everybody() {
            let query = query(asked);
            let settings = set.settings(&query);
            let (candidates, picked) = select(&rules, private_by_default, selection, asked);
            let found: Vec<String> = settings.candidates().map(|it| it.to_string()).collect();
            let wanted: Vec<String> = candidates.iter().map(|it| it.names.join("+")).collect();
            prop_assert_eq!(found, wanted, "{:?}", asked);
            let found = settings.selected().map(|it| it.to_string());
            prop_assert_eq!(found, picked.as_ref().map(|it| it.names.join("+")), "{:?}", asked);
            let most = picked.as_ref().and_then(|it| it.policy).unwrap_or(u32::MAX);
            prop_assert_eq!(settings.thresholds().max_connections, most);
            let found: Vec<&str> = settings.subsets().collect();
            prop_assert_eq!(found, picked.map_or_else(Vec::new, |it| it.subsets));
        }
    }

    #[test]
    fn the_order_of_loading_does_not_matter(
        (rules, shuffled) in rules(10).prop_flat_map(|rules| {
            (Just(rules.clone()), Just(rules).prop_shuffle())
        }),
        selection in selection(),
    ) {
        let (one, other) = (set(&rules, false, selection), set(&shuffled, false, selection));
        for asked in everybody() {
            prop_assert_eq!(answer(&one, asked), answer(&other, asked));
        }
        prop_assert_eq!(format!("{:?}", one.quirks()), format!("{:?}", other.quirks()));
    }

    #[test]
    fn a_rule_for_another_host_changes_nothing(
        rules in rules(10), mut unrelated in rule(), selection in selection(),
    ) {
        unrelated.name = "unrelated".to_owned();
        unrelated.host = "*.example.org";
        let with: Vec<Rule> = [unrelated].into_iter().chain(rules.clone()).collect();
        let (with, without) = (set(&with, false, selection), set(&rules, false, selection));
        for asked in everybody() {
            prop_assert_eq!(answer(&with, asked), answer(&without, asked));
        }
    }

    /// What is reported is all that the two ways differ in.
    #[test]
    fn without_a_quirk_the_sane_way_is_istios(rules in rules(10)) {
        let istio = set(&rules, false, Selection::Istio);
        let sane = set(&rules, false, Selection::Sane);
        prop_assert_eq!(sane.quirks().len(), 0);
        if istio.quirks().is_empty() {
            for asked in everybody() {
                prop_assert_eq!(answer(&istio, asked), answer(&sane, asked));
            }
        }
    }
}
