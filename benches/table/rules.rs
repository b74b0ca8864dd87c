//! A rule set: what it takes to ask it, with few rules and with many.

use crate::results::Results;
use crate::target::verdict;

const ROWS: [(&str, &str); 5] = [
    ("hosts/10", "10 rules, a host each"),
    ("hosts/10000", "10 000 rules, a host each"),
    ("wildcards/10", "10 rules, a wildcard each"),
    ("wildcards/10000", "10 000 rules, a wildcard each"),
    (
        "mesh/10000",
        "10 000 rules of 100 namespaces, with all there is",
    ),
];

/// In nanoseconds, of a look-up.
const AT_MOST: f64 = 1000.0;

/// Prints the table. Whether all targets are met.
pub(crate) fn print(results: &Results) -> Result<bool, String> {
    println!("| rules | look-up | target | | with limits | every value with its source |");
    println!("|---|---|---|---|---|---|");
    let mut all_met = true;
    for (name, what) in ROWS {
        let time = |group: &str| results.median([&*format!("{group}/{name}")], |[time]| time);
        let lookup = time("lookup")?;
        let is_met = lookup < AT_MOST;
        all_met &= is_met;
        println!(
            "| {what} | {lookup:.0} ns | < {AT_MOST:.0} ns | {} | {:.0} ns | {:.0} ns |",
            verdict(is_met),
            time("limits")?,
            time("explained")?,
        );
    }
    let build = results.median(["build/mesh/10000"], |[time]| time)?;
    println!(
        "\nTo read and assemble the last takes {:.0} ms.",
        build / 1e6
    );
    Ok(all_met)
}
