//! The fields in which something is seen, in the form in which they are compared.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::scenario::Step;

/// A field, and what it is where nothing is said of it.
type Field = (&'static str, fn() -> Value);

/// What is seen in each step of each scenario, even if it is nothing, and what nothing is.
const STEP_FIELDS: [Field; 10] = [
    ("attached", || json!([])),
    ("opened", || json!([])),
    ("closed", || json!([])),
    ("responses", || json!([])),
    ("aborted", || json!([])),
    ("active", || json!(0)),
    ("pending", || json!(0)),
    ("cx", || json!(0)),
    ("delta", || json!({})),
    ("cb", || json!({})),
];

/// What only some steps have.
pub(crate) const SPECIAL_FIELDS: [&str; 3] = ["admin", "flood_result", "rounds_result"];

/// What was seen of a field: a value for each step, or one for the scenario.
pub(crate) type Seen = BTreeMap<&'static str, Vec<Value>>;

/// What was seen in a step, by field.
pub(crate) fn by_field(step: &Step) -> Map<String, Value> {
    let Value::Object(mut fields) = json!(step) else {
        unreachable!("a struct is an object");
    };
    fields.remove("do");
    fields
}

/// All that was seen, from what was seen in each step.
pub(crate) fn seen(steps: &[Map<String, Value>], outcome: Value, served_order: Value) -> Seen {
    let mut seen = Seen::new();
    for step in steps {
        let is_known = |key: &str| {
            STEP_FIELDS.iter().any(|(field, _)| *field == key) || SPECIAL_FIELDS.contains(&key)
        };
        assert!(step.keys().all(|key| is_known(key)), "{step:?}");
        for (field, nothing) in STEP_FIELDS {
            let value = step.get(field).cloned().unwrap_or_else(nothing);
            let values = seen.entry(field).or_default();
            values.push(comparable(field, value));
        }
    }
    for field in SPECIAL_FIELDS {
        let values = steps.iter().map(|step| step.get(field).cloned());
        if values.clone().any(|value| value.is_some()) {
            let values = values.map(|value| comparable(field, value.unwrap_or_default()));
            seen.insert(field, values.collect());
        }
    }
    seen.insert("outcome", vec![outcome]);
    seen.insert("served_order", vec![served_order]);
    seen
}

/// Puts into one order what has none, and leaves out what differs between two runs of Envoy.
fn comparable(field: &str, mut value: Value) -> Value {
    match field {
        "opened" | "closed" | "responses" | "aborted" => sorted(value),
        "admin" if value.is_object() => {
            let lines = value["lines"].as_array().unwrap();
            // The other priority is not limited by rules.
            let lines = lines.iter().filter(|line| {
                let line = line.as_str().unwrap();
                line.starts_with("up::default_priority::")
            });
            Value::Array(lines.cloned().collect())
        }
        "flood_result" if value.is_object() => {
            let statuses = value["statuses"].as_object().unwrap();
            json!(statuses.keys().collect::<Vec<_>>())
        }
        "rounds_result" if value.is_object() => {
            let result = value.as_object_mut().unwrap();
            result.retain(|key, _| key.ends_with("_histogram"));
            value
        }
        _ => value,
    }
}

pub(crate) fn sorted(mut value: Value) -> Value {
    if let Some(values) = value.as_array_mut() {
        values.sort_by_key(Value::to_string);
    }
    value
}
