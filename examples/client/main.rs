//! The guide's client deployment: so many clients ask a service for its user, log what they get,
//! and sum it up.
//!
//! ```sh
//! cargo run --example client -- --url http://127.0.0.1:8080/user
//! ```
//!
//! The exit status is 0 if the service answered at all, be it with refusals.

mod flood;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use self::flood::{Flood, Plan, Summary, Target, readable, seconds};

/// Asks a service for its user, with many clients at once
#[derive(Debug, Parser)]
struct Flags {
    /// What to ask, such as http://127.0.0.1:8080/user
    #[arg(long)]
    url: Target,
    /// How many clients ask, each on a connection of its own
    #[arg(long, default_value = "10")]
    clients: NonZeroUsize,
    /// For how long
    #[arg(long, default_value = "5", value_parser = seconds, allow_negative_numbers = true)]
    seconds: Duration,
    /// Print one JSON object and no log
    #[arg(long)]
    json: bool,
    /// Speak HTTP/2, by prior knowledge
    #[arg(long)]
    http2: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    let plan = Plan {
        clients: flags.clients,
        http2: flags.http2,
        log: !flags.json,
    };
    let mut flood = Flood::new(flags.url, &plan);
    let summary = flood.run(flags.seconds).await.summary();
    // Whoever reads may leave; the exit status says what happened all the same.
    let _ = if flags.json {
        let json = serde_json::to_string(&summary).expect("plain data");
        writeln!(io::stdout(), "{json}")
    } else {
        print(&summary)
    };
    if summary.ok + summary.overflow > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn print(summary: &Summary) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let users: Vec<_> = summary.users.iter().map(String::as_str).collect();
    writeln!(out)?;
    for (name, value) in [
        ("sent", summary.sent.to_string()),
        ("succeeded", summary.ok.to_string()),
        ("overflowed", summary.overflow.to_string()),
        ("other failures", summary.other.to_string()),
        ("users", users.join(", ")),
        ("p50", readable(summary.p50_us)),
        ("p99", readable(summary.p99_us)),
        ("refusal p50", readable(summary.refusal_p50_us)),
        ("refusal p99", readable(summary.refusal_p99_us)),
    ] {
        writeln!(out, "{name:<16}{value:>10}")?;
    }
    Ok(())
}
