//! The command that prints the benchmarks' table, on results made up.

#[path = "../../benches/table/limits.rs"]
mod limits;
#[path = "../../benches/table/results.rs"]
mod results;
#[path = "../../benches/table/target.rs"]
mod target;

use std::fs;
use std::path::Path;

use limits::{ROWS, Row};
use results::{RUNS, Results};
use target::Target;

const HALF: Row = Row {
    what: "half of theirs",
    ours: "group/ours",
    against: "group/theirs",
    target: Target::TimeAtMost(0.5),
};

fn ratio(criterion: &Path, row: &Row) -> Result<f64, String> {
    row.ratio(&results(criterion))
}

fn results(criterion: &Path) -> Results {
    Results {
        criterion: criterion.to_owned(),
        runs: RUNS,
    }
}

fn save(criterion: &Path, benchmark: &str, run: &str, nanos: f64) {
    let run = criterion.join(benchmark).join(run);
    fs::create_dir_all(&run).unwrap();
    let estimates = serde_json::json!({ "median": { "point_estimate": nanos } });
    fs::write(run.join("estimates.json"), estimates.to_string()).unwrap();
}

#[test]
fn it_takes_the_median_of_the_ratios_of_all_runs() {
    let criterion = tempfile::tempdir().unwrap();
    for (run, ours) in [("run1", 40.0), ("run2", 900.0), ("run3", 50.0)] {
        save(criterion.path(), HALF.ours, run, ours);
        save(criterion.path(), HALF.against, run, 100.0);
    }
    assert_eq!(ratio(criterion.path(), &HALF), Ok(0.5));
    let throughput = Row {
        target: Target::ThroughputAtLeast(2.0),
        ..HALF
    };
    assert_eq!(ratio(criterion.path(), &throughput), Ok(2.0));
}

#[test]
fn it_refuses_fewer_than_three_runs() {
    let criterion = tempfile::tempdir().unwrap();
    for run in ["run1", "run2", "run3"] {
        assert!(ratio(criterion.path(), &HALF).is_err());
        save(criterion.path(), HALF.ours, run, 40.0);
        assert!(ratio(criterion.path(), &HALF).is_err(), "half of {run}");
        save(criterion.path(), HALF.against, run, 100.0);
    }
    assert!(ratio(criterion.path(), &HALF).is_ok());
    assert_eq!(RUNS, 3);
}

#[test]
fn what_was_not_saved_as_a_run_is_not_taken_for_one() {
    let criterion = tempfile::tempdir().unwrap();
    for run in ["new", "base", "change", "run1"] {
        save(criterion.path(), HALF.ours, run, 40.0);
        save(criterion.path(), HALF.against, run, 100.0);
    }
    assert!(ratio(criterion.path(), &HALF).is_err());
}

#[test]
fn a_table_takes_results_for_every_row() {
    let criterion = tempfile::tempdir().unwrap();
    for row in ROWS {
        assert!(limits::print(&results(criterion.path())).is_err());
        for run in ["run1", "run2", "run3"] {
            save(criterion.path(), row.ours, run, 100.0);
            save(criterion.path(), row.against, run, 100.0);
        }
    }
    // No target of ours is that.
    assert_eq!(limits::print(&results(criterion.path())), Ok(false));
}

#[test]
fn a_target_is_met_on_its_own_side() {
    assert!(Target::TimeAtMost(0.5).is_met(0.5));
    assert!(!Target::TimeAtMost(0.5).is_met(0.51));
    assert!(Target::ThroughputAtLeast(1.05).is_met(1.05));
    assert!(!Target::ThroughputAtLeast(1.05).is_met(1.04));
}

#[test]
fn each_row_says_what_it_compares() {
    for row in ROWS {
        assert!(!row.what.is_empty() && row.ours != row.against);
        let group = |benchmark: &str| benchmark.split('/').next().unwrap().to_owned();
        assert_eq!(group(row.ours), group(row.against));
        assert!(row.target.to_string().starts_with(['≤', '≥']));
    }
}
