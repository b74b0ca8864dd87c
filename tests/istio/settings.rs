//! Istio's own settings for each case, compared with those of a rule set, value by value.

use std::collections::BTreeSet;
use std::fs;

use meshpool::istio::settings::{Settings, Value as Setting};
use meshpool::istio::{Client, Gate, Protocol, Query, RuleSet, Service};
use serde_json::{Map, Value, json};

use crate::expected::{Part, cases, data, table};

/// What applies, in the form of `expect`.
pub(crate) fn effective(settings: &Settings<'_>) -> Value {
    let mut effective = json!({
        "selected": settings.selected().map(|entry| entry.to_string()),
        "candidates": null,
    });
    let candidates: Vec<String> = settings.candidates().map(|it| it.to_string()).collect();
    if !candidates.is_empty() {
        effective["candidates"] = json!(candidates);
    }
    let subsets: Vec<&str> = settings.subsets().collect();
    if !subsets.is_empty() {
        effective["subsets"] = json!(subsets);
    }
    for setting in settings.values() {
        let value = match setting.value() {
            Setting::Number(number) => json!(number),
            Setting::Percent(percent) => json!(percent),
            Setting::Duration(duration) => json!(duration.to_string()),
            Setting::Flag(flag) => json!(flag),
            Setting::Name(name) => json!(name),
            _ => Value::Null,
        };
        let mut place = &mut effective;
        for part in setting.name().split('.') {
            if place.is_null() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[part];
        }
        *place = value;
    }
    effective
}

/// The rules of a case, with the mesh of a check.
fn rules(file: &str, mesh: &Value, gate: Gate) -> RuleSet {
    let text = fs::read(data().join(file)).unwrap();
    let mut builder = RuleSet::builder().gate(gate).document(file, text);
    if mesh.as_object().is_some_and(|mesh| !mesh.is_empty()) {
        let mesh = json!({ "apiVersion": "mesh", "kind": "MeshConfig", "spec": mesh });
        builder = builder.document("mesh.yaml", mesh.to_string());
    }
    builder.build()
}

fn query(context: &Value) -> Query {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let port = |name: &str| {
        context[name]
            .as_u64()
            .map(|port| u16::try_from(port).unwrap())
    };
    let mut service = Service::new(text(&context["service"]["host"]))
        .namespace(text(&context["service"]["namespace"]))
        .protocol(Protocol::named(context["protocol"].as_str().unwrap()));
    if let Some(port) = port("port") {
        service = service.port(port);
    }
    if let Some(port) = port("target_port") {
        service = service.target_port(port);
    }
    let mut client = Client::new(text(&context["client"]["namespace"]));
    for (key, value) in context["client"]["labels"].as_object().unwrap() {
        client = client.label(key, text(value));
    }
    let query = match context["direction"].as_str().unwrap() {
        "inbound" => Query::inbound(service),
        _ => Query::outbound(service),
    };
    let query = query.client(client);
    match context["subset"].as_str().unwrap() {
        "" => query,
        subset => query.subset(subset),
    }
}

#[test]
fn each_setting_is_as_the_table_says() {
    let mut table = table(Part::Settings);
    let mut counts = [0, 0];
    let mut wrong = Vec::new();
    for (name, gate) in [("istiod", Gate::Istiod), ("strict", Gate::Strict)] {
        for case in cases() {
            let file = case["file"].as_str().unwrap();
            for (index, check) in case["checks"].as_array().unwrap().iter().enumerate() {
                let rules = rules(file, &check["context"]["mesh"], gate);
                let query = query(&check["context"]);
                let found = effective(&rules.settings(&query));
                let wanted = &check["expect"];
                let fields = wanted.as_object().unwrap().keys();
                let more = found.as_object().unwrap().keys();
                let all: BTreeSet<&String> = fields.chain(more).collect();
                for field in all {
                    let key = [file.to_owned(), name.to_owned(), format!("{index}.{field}")];
                    let is_same = match (found.get(field), wanted.get(field)) {
                        (Some(found), Some(wanted)) => same(found, wanted),
                        _ => false,
                    };
                    match table.remove(&key) {
                        Some(expected) if expected.is_same() == is_same => {
                            counts[usize::from(is_same)] += 1;
                        }
                        _ => wrong.push(format!("{key:?}:\n  {found}\n  {wanted}")),
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(table.is_empty(), "{table:?}");
    let [different, same] = counts;
    assert_eq!((same, different), (1375, 59));
}

/// Equal, where 20 is 20.0.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}
