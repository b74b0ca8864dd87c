//! The case that all this grew from, in one process with real sockets: clients flood the service
//! `user`, a DestinationRule is applied, and deleted again.
//!
//! 1. `no_rule`: all is served.
//! 2. `rule`: the guide's rule, to Envoy's letter. One request runs, the others are refused fast.
//! 3. `rule_wait`: the same rule, but a request may wait. One runs, one waits, the others are
//!    refused.
//! 4. `deleted`: all is served again.
//!
//! ```sh
//! cargo run --release --example guide
//! ```
//!
//! The exit status is 0 if that is what happened.

#[path = "../client/flood/mod.rs"]
mod flood;
#[path = "../user/follow.rs"]
mod follow;
mod report;
mod rule;
#[path = "../user/service.rs"]
mod service;
mod witness;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use meshpool::InboundPool;
use meshpool::istio::OnFull;

use self::flood::{Flood, Plan, Target, seconds};
use self::report::{Phase, Report};
use self::rule::{Rule, RuleText};
use self::witness::Witness;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Shows the guide's case: without a rule, with it, and after its deletion
#[derive(Debug, Parser)]
struct Flags {
    /// How many clients ask, each on a connection of its own
    #[arg(long, default_value = "10")]
    clients: NonZeroUsize,
    /// How long a phase lasts
    #[arg(long, default_value = "2", value_parser = seconds, allow_negative_numbers = true)]
    seconds: Duration,
    /// How long the service takes for an answer
    #[arg(long, default_value = "20ms", value_parser = service::latency)]
    latency: Duration,
    /// The DestinationRule to apply; the guide's own unless set
    #[arg(long)]
    rule: Option<PathBuf>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    let latency = flags.latency;
    let json = flags.json;
    let report = match run(flags).await {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    // Whoever reads may leave; the exit status says what happened all the same.
    let _ = if json {
        let json = serde_json::to_string(&report).expect("plain data");
        writeln!(io::stdout(), "{json}")
    } else {
        writeln!(io::stdout(), "\n{report}")
    };
    let wrong = report.wrong(latency);
    for what in &wrong {
        eprintln!("not as the guide says: {what}");
    }
    if wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn run(flags: Flags) -> Result<Report, BoxError> {
    let text = RuleText::read(flags.rule)?;
    let pool = InboundPool::builder().name("user").build();
    let witness = Witness::default();
    let address = witness::serve(&pool, &witness, flags.latency).await?;
    let target: Target = format!("http://{address}/user").parse()?;
    let clients = Plan {
        clients: flags.clients,
        http2: false,
        log: !flags.json,
    };
    let mut stage = Stage {
        flood: Flood::new(target, &clients),
        time: flags.seconds,
        log: !flags.json,
        pool: pool.clone(),
        witness,
        report: Report::default(),
    };

    let mut rule = Rule::follow(pool, OnFull::Refuse)?;
    rule.missing().await?;
    stage.phase("no_rule", "there is no rule").await;
    rule.apply(&text).await?;
    stage
        .phase(
            "rule",
            "the rule is applied: whoever finds no slot is refused",
        )
        .await;
    let mut rule = rule.follow_with(OnFull::Wait).await?;
    rule.applied(&text).await?;
    stage
        .phase("rule_wait", "the same rule, with leave to wait")
        .await;
    rule.delete().await?;
    stage.phase("deleted", "the rule is deleted").await;
    Ok(stage.report)
}

/// Who takes part, from phase to phase.
struct Stage {
    flood: Flood,
    time: Duration,
    log: bool,
    pool: InboundPool,
    witness: Witness,
    report: Report,
}

impl Stage {
    /// Lets the clients ask, and notes what they and the witness saw.
    async fn phase(&mut self, name: &'static str, what: &str) {
        if self.log {
            let _ = writeln!(io::stdout(), "\n--- {name}: {what}");
        }
        let queued = self.pool.stats().queued;
        self.witness.forget();
        let clients = self.flood.run(self.time).await.summary();
        let stats = self.pool.stats();
        self.report.phases.push(Phase {
            name,
            clients,
            peak_active: self.witness.peak_active(),
            // The pool's peak is that of its life, and phases that queue have none before them
            // that queued more.
            peak_pending: if stats.queued > queued {
                stats.peak_pending
            } else {
                0
            },
            connections: self.witness.connections(),
            max_requests_on_a_connection: self.witness.max_requests_on_a_connection(),
        });
    }
}
