//! Scenarios that wait for something.

use crate::scenario::{Action, Scenario, Step};

/// A step that waits for something may come late on a machine with other things to do; it is not to
/// come late each time.
const TRIES: u32 = 10;

/// What is wrong with a scenario, which is looked at again if it waits for something.
pub(crate) async fn patiently<T>(scenario: &Scenario, wrong: impl AsyncFn() -> Vec<T>) -> Vec<T> {
    let waits = |step: &Step| matches!(step.action, Action::Wait { .. });
    if scenario.steps.iter().any(waits) {
        for _ in 1..TRIES {
            if wrong().await.is_empty() {
                return Vec::new();
            }
        }
    }
    wrong().await
}
