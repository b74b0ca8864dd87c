//! Replays `observations.json` through `sidecar`, over real sockets. `verdicts.tsv` says for each
//! scenario and field whether what is seen is the same as it was of Envoy, or better on purpose, and
//! then how exactly and why, or out of scope, and why.

use std::collections::{BTreeMap, BTreeSet};

use crate::fields::Seen;
use crate::lateness::{in_time, run_all};
use crate::observations::scenarios;
use crate::observed::seen;
use crate::player::play_until;
use crate::proxy::Sidecar;
use crate::scenario::{Scenario, Step};
use crate::verdicts::{Verdict, Verdicts, verdicts};

fn table() -> Verdicts {
    verdicts(include_str!("verdicts.tsv"))
}

/// What is to be seen of the fields that are in scope.
fn expected(scenario: &Scenario, table: &Verdicts) -> Seen {
    let in_scope = seen(scenario).into_iter().filter_map(|(field, envoy)| {
        let verdict = &table[&(scenario.name.clone(), field.to_owned())];
        Some((field, verdict.expected(&envoy)?))
    });
    in_scope.collect()
}

/// Where it is otherwise.
fn wrong(name: &str, expected: &Seen, here: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    for (field, expected) in expected {
        for (number, (expected, here)) in expected.iter().zip(&here[field]).enumerate() {
            if here != expected {
                wrong.push(format!(
                    "{name}, step {number}, {field}: {here}, not {expected}"
                ));
            }
        }
    }
    wrong
}

async fn replay(scenario: &Scenario, table: &Verdicts) -> Vec<String> {
    let expected = expected(scenario, table);
    if expected.is_empty() {
        return Vec::new();
    }
    let count = scenario.steps.len();
    let as_expected = |number: usize, step: &Step| {
        let mut all = scenario.clone();
        all.steps[number] = step.clone();
        let here = seen(&all);
        let mut fields = expected.iter();
        fields.all(|(field, values)| values.len() != count || here[field][number] == values[number])
    };
    in_time(
        scenario,
        async || play_until::<Sidecar>(scenario, as_expected).await,
        |here| wrong(&scenario.name, &expected, &seen(here)),
    )
    .await
}

#[test]
fn sidecar_does_what_envoy_was_seen_to_do_or_better() {
    Sidecar::binary().expect("sidecar is built by `cargo test`, or `cargo build --examples`");
    let table = table();
    let wrong: Vec<_> = run_all(scenarios(), async |scenario| {
        replay(&scenario, &table).await
    })
    .into_iter()
    .flatten()
    .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_field_of_each_scenario_is_in_the_table() {
    let fields = scenarios().into_iter().flat_map(|scenario| {
        let fields = seen(&scenario).into_keys();
        fields.map(move |field| (scenario.name.clone(), field.to_owned()))
    });
    assert_eq!(
        fields.collect::<BTreeSet<_>>(),
        table().into_keys().collect()
    );
}

#[test]
fn at_most_twelve_scenarios_are_out_of_scope() {
    let table = table();
    let mut counts = BTreeMap::<_, u32>::new();
    for verdict in table.values() {
        let verdict = match verdict {
            Verdict::Same => "same",
            Verdict::Better { .. } => "better",
            Verdict::OutOfScope => "out of scope",
        };
        *counts.entry(verdict).or_default() += 1;
    }
    let expected = [("better", 133), ("out of scope", 92), ("same", 973)];
    assert_eq!(counts, BTreeMap::from(expected));
    let out = table.iter().filter(|(_, it)| **it == Verdict::OutOfScope);
    let out: BTreeSet<_> = out.map(|((scenario, _), _)| &**scenario).collect();
    assert!(out.len() <= 12, "{out:?}");
}
