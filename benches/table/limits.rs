//! The inbound side: ours against the floor and the others.

use crate::results::Results;
use crate::target::{Target, verdict};

/// Two benchmarks, and what the ratio of their times is to be.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: &'static str,
    /// `group/name` of ours.
    pub(crate) ours: &'static str,
    /// `group/name` of what it is compared with.
    pub(crate) against: &'static str,
    pub(crate) target: Target,
}

const fn row(what: &'static str, ours: &'static str, against: &'static str, target: Target) -> Row {
    Row {
        what,
        ours,
        against,
        target,
    }
}

use Target::{ThroughputAtLeast, TimeAtMost};

pub(crate) const ROWS: &[Row] = &[
    row(
        "core, take and give back",
        "uncontended/meshpool_static",
        "uncontended/raw_atomic_pair",
        TimeAtMost(1.05),
    ),
    row(
        "core, take and give back",
        "uncontended/meshpool_static",
        "uncontended/tokio_semaphore",
        TimeAtMost(0.60),
    ),
    row(
        "generic layer",
        "layer/meshpool_static",
        "layer/tower_concurrency_limit",
        TimeAtMost(0.45),
    ),
    row(
        "generic layer",
        "layer/meshpool_arc",
        "layer/tower_concurrency_limit",
        TimeAtMost(0.70),
    ),
    row(
        "generic layer, cloned per request",
        "layer_cloned/meshpool_static",
        "layer_cloned/tower_load_shed",
        TimeAtMost(0.35),
    ),
    row(
        "generic layer, cloned per request",
        "layer_cloned/meshpool_arc",
        "layer_cloned/tower_load_shed",
        TimeAtMost(0.70),
    ),
    row(
        "refusal, typed, cloned per request",
        "refusal/meshpool_static",
        "refusal/tower_load_shed",
        TimeAtMost(0.20),
    ),
    row(
        "hand-off to a waiter",
        "handoff/meshpool_static",
        "handoff/tokio_semaphore",
        TimeAtMost(0.80),
    ),
    row(
        "two threads, work while holding",
        "contended/meshpool_static",
        "contended/raw_atomic_pair",
        TimeAtMost(1.05),
    ),
    row(
        "two threads, work while holding",
        "contended/meshpool_static",
        "contended/tower_concurrency_limit",
        TimeAtMost(0.60),
    ),
    row(
        "256 tasks, limit 1",
        "saturated/meshpool_static/1",
        "saturated/tokio_semaphore/1",
        ThroughputAtLeast(1.05),
    ),
    row(
        "256 tasks, limit 8",
        "saturated/meshpool_static/8",
        "saturated/tokio_semaphore/8",
        ThroughputAtLeast(1.05),
    ),
    row(
        "256 tasks, limit 64",
        "saturated/meshpool_static/64",
        "saturated/tokio_semaphore/64",
        ThroughputAtLeast(1.05),
    ),
];

impl Row {
    pub(crate) fn ratio(&self, results: &Results) -> Result<f64, String> {
        results.median([self.ours, self.against], |[ours, theirs]| {
            self.target.ratio(ours, theirs)
        })
    }
}

/// Prints the table. Whether all targets are met.
pub(crate) fn print(results: &Results) -> Result<bool, String> {
    println!("| what | ours | against | ratio | target | |");
    println!("|---|---|---|---|---|---|");
    let mut all_met = true;
    for row in ROWS {
        let ratio = row.ratio(results)?;
        let is_met = row.target.is_met(ratio);
        all_met &= is_met;
        println!(
            "| {} | `{}` | `{}` | {ratio:.2} | {} | {} |",
            row.what,
            name(row.ours),
            name(row.against),
            row.target,
            verdict(is_met),
        );
    }
    Ok(all_met)
}

/// The name without its group.
fn name(benchmark: &str) -> &str {
    benchmark.split('/').nth(1).unwrap_or(benchmark)
}
