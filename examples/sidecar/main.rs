//! A reverse proxy on the outbound pool: what Envoy is to the pod, in one small program.
//!
//! It forwards all that it is sent to one upstream, within the limits of a DestinationRule that is
//! followed live, in a file or in Kubernetes, and answers what it cannot forward as Envoy does.
//!
//! ```sh
//! cargo run --example user -- --latency 1s
//! cargo run --example sidecar -- --upstream http://127.0.0.1:8080 --listen 127.0.0.1:8081 \
//!     --rule examples/rule.yaml --admin 127.0.0.1:9091 --access-log
//! curl http://127.0.0.1:8081/user
//! curl http://127.0.0.1:9091/stats
//! ```

mod access_log;
mod admin;
mod body;
#[path = "../common/config_map.rs"]
mod config_map;
mod connector;
mod counts;
mod deadline;
#[path = "../common/domain.rs"]
mod domain;
#[path = "../common/explain.rs"]
mod explain;
mod fault;
#[path = "../common/feeds.rs"]
mod feeds;
mod flags;
mod grpc;
mod headers;
#[path = "../common/label.rs"]
mod label;
mod outgoing;
mod proxy;
mod record;
mod reply;
#[path = "../common/report.rs"]
mod report;
mod rules;
mod stats;
mod streaming;
#[path = "../common/system.rs"]
mod system;
mod tape;
mod upload;
mod watched;

use std::error::Error;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use meshpool::inbound;
use tokio::runtime::{Builder, Runtime};
use tower::service_fn;

use self::access_log::AccessLog;
use self::flags::Flags;
use self::proxy::Proxy;
use self::rules::Rules;
use self::stats::Numbers;
use self::system::{bind, told_to_end};

type BoxError = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let flags = Flags::parse();
    // The library's own events, a rejected rule file for one, go to standard error.
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

fn run(flags: Flags) -> Result<(), BoxError> {
    let runtime = runtime(&flags)?;
    // As a task of its own it runs where the connections do.
    runtime.block_on(async { tokio::spawn(serve(flags)).await })?
}

fn runtime(flags: &Flags) -> io::Result<Runtime> {
    let mut builder = match flags.workers.map(usize::from) {
        // One thread has nobody to hand work to, or to wake.
        Some(1) => Builder::new_current_thread(),
        Some(workers) => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(workers);
            builder
        }
        None => Builder::new_multi_thread(),
    };
    builder.enable_all().build()
}

async fn serve(flags: Flags) -> Result<(), BoxError> {
    let rules = Rules::follow(flags.rules.clone()).await?;
    let (log, writer) = match flags.access_log {
        true => AccessLog::start().map(|(log, writer)| (Some(log), Some(writer)))?,
        false => (None, None),
    };
    let proxy = Arc::new(Proxy::new(&flags, rules.clone(), log)?);

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
        let routes = admin::routes(Arc::new(Numbers::new(proxy.clone(), rules)));
        tokio::spawn(async move { axum::serve(listener, routes).await });
    }

    let service = {
        let proxy = proxy.clone();
        service_fn(move |request| {
            let proxy = proxy.clone();
            async move { proxy.forward(request).await }
        })
    };
    inbound::serve(listener, service)
        .with_graceful_shutdown(async {
            told_to_end.await;
            eprintln!("draining");
        })
        .await;
    let client = proxy.client();
    client.close();
    client.idle().await;
    if let Some(writer) = writer {
        writer.end().await;
    }
    eprintln!("drained");
    Ok(())
}
