//! Instructions a request, counted by `valgrind --tool=callgrind`.
//!
//! They repeat to the digit where times do not, but say nothing of what a `lock` prefix or a cache
//! miss costs. `cargo bench --bench instructions` runs this program under valgrind, each subject for
//! two numbers of requests, and divides the difference; it fails if the target is missed.
//!
//! Without `--bench` (as `cargo test --benches` has it) each subject is run once, uncounted.

#[path = "../limits/subjects.rs"]
mod subjects;
mod variants;

use std::env;
use std::process::{Command, ExitCode};

use variants::{VARIANTS, Variant};

/// More than this a request the layer may not cost: what Tower's `ConcurrencyLimit` costs around a
/// router.
const PEER: &str = "tower_concurrency_limit";
/// Around a plain service, whose response bodies need no box.
const OURS: [&str; 3] = [
    "service/meshpool_static",
    "service/meshpool_arc",
    "service/meshpool_counted",
];

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    if let [name, count] = &args[..] {
        let variant = VARIANTS.iter().find(|variant| variant.name == *name);
        let count = count.parse().expect("a number of requests");
        (variant.expect("the name of a subject").run)(count);
        return ExitCode::SUCCESS;
    }
    if !args.iter().any(|arg| arg == "--bench") {
        for variant in VARIANTS {
            (variant.run)(1);
        }
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("SKIPPED: valgrind is not installed");
        return ExitCode::SUCCESS;
    }
    report()
}

fn report() -> ExitCode {
    println!("{:32} {:>14} {:>10}", "instructions", "a request", "above");
    let mut base = 0;
    let mut above = Vec::new();
    for variant in VARIANTS {
        let each = instructions(variant);
        if variant.is_base {
            base = each;
        }
        println!("{:32} {each:>14} {:>+10}", variant.name, each - base);
        above.push((variant.name, each - base));
    }
    let of = |name: &str| {
        let found = above.iter().find(|(n, _)| *n == name);
        found.expect("it was counted").1
    };
    let met = OURS.iter().all(|ours| of(ours) < of(PEER));
    println!(
        "\npermit in the body, above bare: {} below {} ({PEER}): {}",
        OURS.map(|ours| of(ours).to_string()).join(", "),
        of(PEER),
        if met { "met" } else { "not met" },
    );
    if met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// How many instructions one more request takes.
fn instructions(variant: &Variant) -> i64 {
    const MORE: i64 = 1000;
    let few = collected(variant.name, 100);
    let many = collected(variant.name, 100 + MORE);
    (many - few + MORE / 2) / MORE
}

/// Runs this program under callgrind; how many instructions that took.
fn collected(name: &str, count: i64) -> i64 {
    let this = env::current_exe().expect("this program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .args([name, &count.to_string()])
        .output()
        .expect("valgrind ran a moment ago");
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text
        .lines()
        .find_map(|line| line.split("Collected : ").nth(1));
    match collected.and_then(|number| number.trim().parse().ok()) {
        Some(number) if output.status.success() => number,
        _ => panic!("valgrind did not count {name}:\n{text}"),
    }
}
