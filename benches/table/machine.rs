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

/// What grows is how far away in memory things are. One access grows as the floor does, and an event
/// may grow twice as much; one that looked at each connection would grow by ten thousand.
const AT_MOST: f64 = 2.0;

/// Prints the table. Whether all targets are met.
pub(crate) fn print(results: &Results) -> Result<bool, String> {
    println!(
        "| connections or waiters | 10 | 1 000 | 100 000 | growth | by the floor's | target | |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut all_met = true;
    for (group, what) in EVENTS {
        let names = ["10", "1000", "100000"].map(|size| format!("{group}/{size}"));
        let [few, many, most] = names.each_ref().map(String::as_str);
        let time = |name| results.median([name], |[time]| time);
        let growth = results.median([few, most], |[few, most]| most / few)?;
        let by_floor = results.median(
            [few, most, "floor/10", "floor/100000"],
            |[few, most, floor_few, floor_most]| (most / few) / (floor_most / floor_few),
        )?;
        let is_met = by_floor <= AT_MOST;
        all_met &= is_met;
        println!(
            "| {what} | {:.1} ns | {:.1} ns | {:.1} ns | {growth:.1} | {by_floor:.2} | ≤ {AT_MOST:.2} | {} |",
            time(few)?,
            time(many)?,
            time(most)?,
            verdict(is_met),
        );
    }
    Ok(all_met)
}
