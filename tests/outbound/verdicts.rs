//! A table, `verdicts.tsv`: how what is seen here relates to what was seen of Envoy.
//!
//! A line for each scenario and field: scenario, field, verdict, what is seen here, why. The last
//! two are empty for `same`. What is seen here is a JSON object: the value by number of step,
//! for those steps that differ.

use std::collections::BTreeMap;

use serde_json::Value;

#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Same,
    Better { here: BTreeMap<usize, Value> },
    OutOfScope,
}

impl Verdict {
    /// What is to be seen here, where that is in scope.
    pub(crate) fn expected(&self, envoy: &[Value]) -> Option<Vec<Value>> {
        let mut expected = envoy.to_vec();
        match self {
            Self::Same => {}
            Self::Better { here } => {
                for (step, value) in here {
                    assert_ne!(&expected[*step], value, "it is the same");
                    expected[*step] = value.clone();
                }
            }
            Self::OutOfScope => return None,
        }
        Some(expected)
    }
}

/// By scenario and field.
pub(crate) type Verdicts = BTreeMap<(String, String), Verdict>;

pub(crate) fn verdicts(table: &str) -> Verdicts {
    let mut verdicts = Verdicts::new();
    for line in table.lines() {
        let [scenario, field, verdict, here, why] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not five columns: {line}");
        };
        let verdict = match verdict {
            "same" => {
                assert!(here.is_empty() && why.is_empty(), "{line}");
                Verdict::Same
            }
            "better" => {
                assert!(!why.is_empty(), "{line}");
                let here = serde_json::from_str(here).unwrap();
                Verdict::Better { here }
            }
            "out of scope" => {
                assert!(here.is_empty() && !why.is_empty(), "{line}");
                Verdict::OutOfScope
            }
            _ => panic!("no such verdict: {line}"),
        };
        let key = (scenario.to_owned(), field.to_owned());
        assert!(verdicts.insert(key, verdict).is_none(), "twice: {line}");
    }
    verdicts
}
