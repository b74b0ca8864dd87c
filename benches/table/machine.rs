//! The state machine: how its events grow with the number of connections and waiters.

use crate::results::Results;
use crate::target::verdict;

const EVENTS: [(&str, &str); 7] = [
    ("attach_release", "attach and release, the rest idle"),
    (
        "release_attach",
        "release anywhere and attach, the rest busy",
    ),
    ("enqueue_cancel", "enqueue and cancel"),
    ("cancel_enqueue", "cancel anywhere and enqueue"),
    (
        "hand_on",
        "release, attach the first that waits, and enqueue",
    ),
    ("longest_idle", "find the longest idle"),
    ("floor", "*the floor: write to a table, anywhere*"),
];

/// As much as a logarithm grows from 10 to 100 000.
const AT_MOST: f64 = 5.0;

/// Prints the table. Whether all targets are met.
pub(crate) fn print(results: &Results) -> Result<bool, String> {
    println!("| connections or waiters | 10 | 1 000 | 100 000 | growth | target | |");
    println!("|---|---|---|---|---|---|---|");
    let mut all_met = true;
    for (group, what) in EVENTS {
        let names = ["10", "1000", "100000"].map(|size| format!("{group}/{size}"));
        let [few, many, most] = names.each_ref().map(String::as_str);
        let time = |name| results.median([name], |[time]| time);
        let growth = results.median([few, most], |[few, most]| most / few)?;
        let (target, verdict) = match group {
            "floor" => (String::new(), ""),
            _ => {
                all_met &= growth <= AT_MOST;
                (format!("≤ {AT_MOST:.1}"), verdict(growth <= AT_MOST))
            }
        };
        println!(
            "| {what} | {:.1} ns | {:.1} ns | {:.1} ns | {growth:.1} | {target} | {verdict} |",
            time(few)?,
            time(many)?,
            time(most)?,
        );
    }
    Ok(all_met)
}
