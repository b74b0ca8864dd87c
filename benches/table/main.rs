//! Prints what criterion's results come to: ratio, target, met or not.
//!
//! `benches/run` makes the results and then runs this. It ends with 0 if all targets are met, with
//! 1 if one is missed, and with 2 if there are not enough runs to say.

mod rows;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use rows::{ROWS, ratio};

fn main() -> ExitCode {
    let criterion = criterion();
    let mut ratios = Vec::new();
    for row in ROWS {
        match ratio(&criterion, row) {
            Ok(ratio) => ratios.push((row, ratio)),
            Err(why) => {
                eprintln!("not enough to go by in {}: {why}", criterion.display());
                return ExitCode::from(2);
            }
        }
    }
    println!("| what | ours | against | ratio | target | |");
    println!("|---|---|---|---|---|---|");
    let mut all_met = true;
    for (row, ratio) in ratios {
        let is_met = row.target.is_met(ratio);
        all_met &= is_met;
        println!(
            "| {} | `{}` | `{}` | {ratio:.2} | {} | {} |",
            row.what,
            name(row.ours),
            name(row.against),
            row.target,
            if is_met { "met" } else { "**missed**" },
        );
    }
    if all_met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The name without its group.
fn name(benchmark: &str) -> &str {
    benchmark.split('/').nth(1).unwrap_or(benchmark)
}

/// Where criterion keeps its results: beside the profile's folder, in which this program is.
fn criterion() -> PathBuf {
    if let Some(home) = env::var_os("CRITERION_HOME") {
        return home.into();
    }
    let this = env::current_exe().expect("this program");
    let target = this.ancestors().nth(3).expect("target/release/deps/table");
    target.join("criterion")
}
