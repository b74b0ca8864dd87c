//! The guide's service `user`, as one would embed the crate: limits from rules that are followed
//! live, an admin address, and an end without lost requests.
//!
//! ```sh
//! cargo run --example user -- --rule examples/rule.yaml --admin 127.0.0.1:9090
//! # Or the rule for this host of all that a directory holds:
//! cargo run --example user -- --rules examples --host user --namespace default
//! curl http://127.0.0.1:8080/user
//! curl http://127.0.0.1:9090/stats
//! curl http://127.0.0.1:9090/explain   # a page, in a browser
//! ```

mod admin;
#[path = "../common/config_map.rs"]
mod config_map;
#[path = "../common/domain.rs"]
mod domain;
#[path = "../common/explain.rs"]
mod explain;
#[path = "../common/feeds.rs"]
mod feeds;
mod follow;
#[path = "../common/label.rs"]
mod label;
#[path = "../common/named.rs"]
mod named;
#[path = "../common/report.rs"]
mod report;
mod rules;
mod service;
#[path = "../common/system.rs"]
mod system;

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use meshpool::InboundPool;
use meshpool::inbound;
use meshpool::telemetry::metrics::PoolMetrics;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use self::admin::Admin;
use self::rules::RuleFlags;
use self::system::{bind, told_to_end};

/// Answers GET /user with a name, within the limits of a rule file
#[derive(Debug, Parser)]
struct Flags {
    /// Where to serve; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    #[command(flatten)]
    rules: RuleFlags,
    /// How long an answer takes
    #[arg(long, default_value = "20ms", value_parser = service::latency)]
    latency: Duration,
    /// Where to serve /explain, /metrics, /stats, /healthz and /readyz
    #[arg(long)]
    admin: Option<SocketAddr>,
    /// Count what would be refused, and refuse nothing
    #[arg(long)]
    observe: bool,
    /// How many threads serve; as many as there are processors unless set
    #[arg(long)]
    workers: Option<NonZeroUsize>,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    // The library's own events (a rejected rule file, overflow) go to standard error.
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    match run(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: Flags) -> io::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = flags.workers {
        runtime.worker_threads(workers.get());
    }
    runtime.enable_all().build()?.block_on(serve(flags))
}

async fn serve(flags: Flags) -> io::Result<()> {
    let waits = Matcher::Full("meshpool_request_wait_seconds".to_owned());
    let prometheus = PrometheusBuilder::new()
        .set_buckets_for_metric(waits, &[0.001, 0.01, 0.1, 1.0, 10.0])
        .map_err(io::Error::other)?
        .install_recorder()
        .map_err(io::Error::other)?;
    tokio::spawn(upkeep(prometheus.clone()));
    let pool = InboundPool::builder()
        .name("user")
        .observing(flags.observe)
        .build();

    let rules = rules::limit(flags.rules, &pool).await?;

    // Both addresses first: who reads that one is ready may use the other.
    let listener = bind(flags.listen).await?;
    let admin = match flags.admin {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    // And the signals: from then on it may be told to end.
    let told_to_end = told_to_end()?;
    println!("listening on {}", listener.local_addr()?);
    if let Some(listener) = admin {
        println!("admin on {}", listener.local_addr()?);
        let routes = admin::routes(Admin {
            pool: pool.clone(),
            rules,
            pool_metrics: PoolMetrics::new(pool.clone()),
            prometheus,
        });
        tokio::spawn(async move { axum::serve(listener, routes).await });
    }

    let app = service::service(flags.latency).layer(pool.layer());
    let closing = {
        let pool = pool.clone();
        async move {
            told_to_end.await;
            eprintln!("draining");
            pool.close();
        }
    };
    // Not `axum::serve`: this one keeps the rule's limits on connections, too.
    inbound::serve(listener, app)
        .pool(&pool)
        .on_accept_error(|error| eprintln!("cannot accept: {error}"))
        .with_graceful_shutdown(closing)
        .await;
    pool.idle().await;
    eprintln!("drained");
    Ok(())
}

/// Keeps the recorder small: without it, what was measured since the last look at `/metrics` stays
/// in memory, measurement by measurement.
async fn upkeep(prometheus: PrometheusHandle) {
    let mut every = tokio::time::interval(Duration::from_secs(5));
    loop {
        every.tick().await;
        prometheus.run_upkeep();
    }
}
