//! Where two recordings of a scenario differ.

use std::fmt::Debug;

use crate::scenario::{Scenario, Step};

/// A field that is not the same.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    /// `None`: of the scenario as a whole.
    pub(crate) step: Option<usize>,
    /// As in the data, with the key where it is a table: `delta.rq_total`, `outcome.a`.
    pub(crate) field: String,
    pub(crate) left: String,
    pub(crate) right: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.step {
            Some(step) => write!(f, "step {step}, ")?,
            None => write!(f, "at the end, ")?,
        }
        write!(f, "{}: {} | {}", self.field, self.left, self.right)
    }
}

/// All differences, in the order of the steps. The order of events means nothing between different
/// sockets, but for that in which requests are attached.
pub(crate) fn scenarios(left: &Scenario, right: &Scenario) -> Vec<Difference> {
    let mut found = Vec::new();
    for (number, (left, right)) in left.steps.iter().zip(&right.steps).enumerate() {
        found.extend(steps(number, left, right));
    }
    found.extend(end(left, right));
    found
}

/// What is only known at the end.
pub(crate) fn end(left: &Scenario, right: &Scenario) -> Vec<Difference> {
    let mut found = Found {
        step: None,
        differences: Vec::new(),
    };
    found.table("outcome", &left.outcome, &right.outcome);
    found.differ("served_order", &left.served_order, &right.served_order);
    found.differences
}

pub(crate) fn steps(number: usize, left: &Step, right: &Step) -> Vec<Difference> {
    let mut found = Found {
        step: Some(number),
        differences: Vec::new(),
    };
    found.differ("attached", &left.attached, &right.attached);
    found.unordered("opened", &left.opened, &right.opened);
    found.unordered("closed", &left.closed, &right.closed);
    found.unordered("responses", &left.responses, &right.responses);
    found.unordered("aborted", &left.aborted, &right.aborted);
    found.differ("active", &left.active, &right.active);
    found.differ("pending", &left.pending, &right.pending);
    found.differ("cx", &left.cx, &right.cx);
    found.table("delta", &left.delta, &right.delta);
    found.table("cb", &left.cb, &right.cb);
    found.differ("admin", &left.admin, &right.admin);
    found.differ("flood_result", &left.flood_result, &right.flood_result);
    found.differ("rounds_result", &left.rounds_result, &right.rounds_result);
    found.differences
}

struct Found {
    step: Option<usize>,
    differences: Vec<Difference>,
}

impl Found {
    fn differ<T: Debug + PartialEq>(&mut self, field: &str, left: &T, right: &T) {
        if left != right {
            self.differences.push(Difference {
                step: self.step,
                field: field.to_owned(),
                left: format!("{left:?}"),
                right: format!("{right:?}"),
            });
        }
    }

    fn unordered<T: Clone + Debug + Ord>(&mut self, field: &str, left: &[T], right: &[T]) {
        let sorted = |items: &[T]| {
            let mut items = items.to_vec();
            items.sort();
            items
        };
        self.differ(field, &sorted(left), &sorted(right));
    }

    /// What one side lacks is compared, too.
    fn table<T: Debug + PartialEq>(
        &mut self,
        field: &str,
        left: &std::collections::BTreeMap<String, T>,
        right: &std::collections::BTreeMap<String, T>,
    ) {
        let mut keys: Vec<_> = left.keys().chain(right.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            self.differ(&format!("{field}.{key}"), &left.get(key), &right.get(key));
        }
    }
}
