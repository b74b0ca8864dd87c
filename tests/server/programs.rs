//! Clients that are programs: `curl` and `h2load`.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use meshpool::inbound::serve;
use meshpool::{InboundPool, Limits};
use tokio::process::Command;

use crate::support::{bind, within};

/// A server, and how many connections it has had.
async fn server(requests: u32) -> (SocketAddr, Arc<AtomicUsize>) {
    let pool = InboundPool::new(Limits::new().max_requests_per_connection(requests));
    let app = Router::new().route("/user", get(|| async { "Kevin" }));
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    let (listener, addr) = bind().await;
    let server = serve(listener, app).pool(&pool).connect_info(move |_, _| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    tokio::spawn(async move {
        // The pool is to live as long as its server.
        let _pool = pool;
        server.into_future().await;
    });
    (addr, connections)
}

/// Runs a program; `None` if there is none.
async fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(program)
        .args(arguments)
        .kill_on_drop(true)
        .output();
    match within(output).await {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("SKIPPED: there is no {program}");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

/// Has curl send requests one after another, and gives how many connections it says it made for
/// each.
async fn curl(version: &str, url: &str, requests: usize) -> Option<Vec<String>> {
    let mut arguments = vec!["--silent", "--noproxy", "*", version];
    arguments.extend(["--write-out", " %{http_code} %{num_connects}\n"]);
    arguments.extend(vec![url; requests]);
    let output = run("curl", &arguments).await?;
    assert!(output.status.success(), "{output:?}");
    let output = String::from_utf8(output.stdout).unwrap();
    Some(output.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn curl_makes_a_new_connection_after_n_requests() {
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let (addr, connections) = server(2).await;
        let url = format!("http://{addr}/user");
        let Some(lines) = curl(version, &url, 6).await else {
            return;
        };
        let expected = ["Kevin 200 1", "Kevin 200 0"].repeat(3);
        assert_eq!(lines, expected, "{version}");
        assert_eq!(connections.load(Ordering::Relaxed), 3);
    }
}

#[tokio::test]
async fn h2load_is_told_to_go_away_by_each_connection() {
    let (addr, connections) = server(10).await;
    let url = format!("http://{addr}/user");
    let Some(output) = run("h2load", &["-n", "100", "-c", "4", "-m", "1", &url]).await else {
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    eprintln!("{text}");
    let _ = connections;
}
