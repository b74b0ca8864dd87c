//! Prints what criterion's results come to: ratio, target, met or not.
//!
//! `benches/run` makes the results and then runs this, with the name of a bench and how many runs a
//! figure takes. It ends with 0 if all targets are met, with 1 if one is missed, and with 2 if there
//! are not enough runs to say.

mod limits;
mod machine;
mod outbound;
mod results;
mod rules;
mod target;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use results::{RUNS, Results};

fn main() -> ExitCode {
    // cargo adds an option of its own.
    let args: Vec<_> = env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    let runs = args.get(1).map_or(Ok(RUNS), |runs| runs.parse());
    let results = Results {
        criterion: criterion(),
        runs: runs.expect("a number of runs"),
    };
    let bench = args.first().map_or("limits", String::as_str);
    let printed = match bench {
        "limits" => limits::print(&results),
        "machine" => machine::print(&results),
        "outbound" => outbound::print(&results),
        "rules" => rules::print(&results),
        _ => Err("it has no table".to_owned()),
    };
    match printed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{bench}, by {}: {why}", results.criterion.display());
            ExitCode::from(2)
        }
    }
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
