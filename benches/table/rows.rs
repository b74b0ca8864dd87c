//! What the figures are to be, and what criterion's results make of it.

use std::fmt;
use std::fs;
use std::path::Path;

/// How many runs a figure needs: it is the median of their ratios.
pub(crate) const RUNS: usize = 3;

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

#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// Our time by theirs.
    TimeAtMost(f64),
    /// Their time by ours.
    ThroughputAtLeast(f64),
}

impl Target {
    fn ratio(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Self::TimeAtMost(_) => ours / theirs,
            Self::ThroughputAtLeast(_) => theirs / ours,
        }
    }

    pub(crate) fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::TimeAtMost(most) => ratio <= most,
            Self::ThroughputAtLeast(least) => ratio >= least,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeAtMost(most) => write!(f, "≤ {most:.2}"),
            Self::ThroughputAtLeast(least) => write!(f, "≥ {least:.2}"),
        }
    }
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

/// The median of a row's ratios, of all runs that have both its benchmarks.
///
/// # Errors
///
/// A text, if there are fewer than [`RUNS`] of them.
pub(crate) fn ratio(criterion: &Path, row: &Row) -> Result<f64, String> {
    let mut ratios: Vec<_> = runs(&criterion.join(row.ours))
        .iter()
        .filter_map(|run| {
            let ours = median(&criterion.join(row.ours).join(run))?;
            let theirs = median(&criterion.join(row.against).join(run))?;
            Some(row.target.ratio(ours, theirs))
        })
        .collect();
    if ratios.len() < RUNS {
        return Err(format!(
            "{} against {}: {} runs, and it takes {RUNS}",
            row.ours,
            row.against,
            ratios.len()
        ));
    }
    ratios.sort_by(f64::total_cmp);
    let middle = ratios.len() / 2;
    Ok(match ratios.len() % 2 {
        0 => (ratios[middle - 1] + ratios[middle]) / 2.0,
        _ => ratios[middle],
    })
}

/// The runs of a benchmark: what was saved as `--save-baseline run…`.
fn runs(benchmark: &Path) -> Vec<String> {
    let entries = fs::read_dir(benchmark).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with("run"))
        .collect()
}

/// The median time of one run of one benchmark, in nanoseconds.
fn median(run: &Path) -> Option<f64> {
    let text = fs::read(run.join("estimates.json")).ok()?;
    let estimates: serde_json::Value = serde_json::from_slice(&text).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
