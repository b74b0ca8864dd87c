//! The client: how many requests ours sends while another sends one.

use crate::results::Results;
use crate::target::verdict;

/// Not below the fastest of the others.
const AT_LEAST: f64 = 1.0;

/// Prints the table. Whether all targets are met.
pub(crate) fn print(results: &Results) -> Result<bool, String> {
    let mut all_met = true;
    for (clock, suffix) in [("time", ""), ("processor time of the client", "_cpu")] {
        println!("By {clock}:\n");
        all_met &= print_by(results, suffix)?;
        println!();
    }
    Ok(all_met)
}

fn print_by(results: &Results, suffix: &str) -> Result<bool, String> {
    println!("| | body | in flight | `legacy` | `reqwest` | `pool` | the fastest of them | |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut all_met = true;
    for version in ["http1", "http2"] {
        for body in ["0", "1KiB", "1MiB"] {
            for in_flight in ["1", "32", "256"] {
                // Criterion makes one directory of a name with slashes.
                let of = |name| format!("{version}{suffix}/{name}_{body}_{in_flight}");
                let names = ["meshpool", "legacy", "reqwest", "pool"].map(of);
                let [ours, legacy, reqwest, pool] = names.each_ref().map(String::as_str);
                let against = |other| results.median([ours, other], |[ours, theirs]| theirs / ours);
                let fastest = results
                    .median([ours, legacy, reqwest, pool], |[ours, others @ ..]| {
                        others.into_iter().fold(f64::INFINITY, f64::min) / ours
                    })?;
                let is_met = fastest >= AT_LEAST;
                all_met &= is_met;
                println!(
                    "| {version} | {body} | {in_flight} | {:.2} | {:.2} | {:.2} | {fastest:.2} | {} |",
                    against(legacy)?,
                    against(reqwest)?,
                    against(pool)?,
                    verdict(is_met),
                );
            }
        }
    }
    Ok(all_met)
}
