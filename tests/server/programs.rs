//! Clients that are programs: `curl` and `h2load`; and the example with TLS.

use std::future::IntoFuture;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::get;
use meshpool::inbound::{Listener, serve};
use meshpool::{InboundPool, Limits};
use tokio::process::Command;

use crate::support::{self, Raw, bind, within};

#[path = "../../examples/tls/client.rs"]
mod tls_client;
#[path = "../../examples/tls/listener.rs"]
mod tls_listener;

use self::tls_listener::TlsListener;

/// Serves so many requests per connection, and counts the connections.
fn start<L: Listener>(listener: L, requests: u32) -> Arc<AtomicUsize> {
    let pool = InboundPool::new(Limits::new().max_requests_per_connection(requests));
    let app = Router::new().route("/user", get(|| async { "Kevin" }));
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    let server = serve(listener, app)
        .pool(&pool)
        .refuse_late_streams(true)
        .connect_info(move |_, _| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
    tokio::spawn(server.into_future());
    connections
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

/// Whether there is a curl, and one that was built with HTTP/2.
async fn has_curl_with_http2() -> bool {
    let Some(output) = run("curl", &["--version"]).await else {
        return false;
    };
    let output = String::from_utf8(output.stdout).unwrap();
    let has = output.split_whitespace().any(|word| word == "HTTP2");
    if !has {
        eprintln!("SKIPPED: curl was built without HTTP/2");
    }
    has
}

/// Has curl send six requests one after another, and say how many connections it made for each.
async fn curl(arguments: &[&str], url: &str) -> Option<Vec<String>> {
    let mut all = vec!["--silent", "--noproxy", "*"];
    all.extend(["--write-out", " %{http_version} %{num_connects}\n"]);
    all.extend(arguments);
    all.extend([url; 6]);
    let output = run("curl", &all).await?;
    assert!(output.status.success(), "{output:?}");
    let output = String::from_utf8(output.stdout).unwrap();
    Some(output.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn curl_makes_a_new_connection_after_n_requests() {
    let (listener, addr) = bind().await;
    let connections = start(listener, 2);
    let url = format!("http://{addr}/user");
    let Some(lines) = curl(&["--http1.1"], &url).await else {
        return;
    };
    assert_eq!(lines, ["Kevin 1.1 1", "Kevin 1.1 0"].repeat(3));
    assert_eq!(connections.load(Ordering::Relaxed), 3);
}

// With HTTP/2 by prior knowledge some versions of curl use no connection twice, whatever the
// server; with TLS they do.
#[tokio::test]
async fn curl_makes_a_new_connection_after_n_streams_over_tls() {
    if !has_curl_with_http2().await {
        return;
    }
    let (listener, _) = TlsListener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let connections = start(listener, 2);
    let url = format!("https://{addr}/user");
    let Some(lines) = curl(&["--insecure", "--http2"], &url).await else {
        return;
    };
    assert_eq!(lines, ["Kevin 2 1", "Kevin 2 0"].repeat(3));
    assert_eq!(connections.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn h2load_has_n_streams_on_each_connection_and_no_more() {
    for streams in ["1", "7"] {
        let (listener, addr) = bind().await;
        let connections = start(listener, 10);
        let url = format!("http://{addr}/user");
        let arguments = ["-n", "100", "-c", "4", "-m", streams, &url];
        let Some(output) = run("h2load", &arguments).await else {
            return;
        };
        let text = String::from_utf8(output.stdout).unwrap();
        // It makes no second connection after a GOAWAY.
        assert!(text.contains(" 40 succeeded,"), "{text}");
        assert!(text.contains("status codes: 40 2xx,"), "{text}");
        assert_eq!(connections.load(Ordering::Relaxed), 4);
    }
}

#[tokio::test]
async fn h2load_on_http1_gets_all_its_answers() {
    let (listener, addr) = bind().await;
    let connections = start(listener, 10);
    let url = format!("http://{addr}/user");
    let arguments = ["--h1", "-n", "100", "-c", "4", &url];
    let Some(output) = run("h2load", &arguments).await else {
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(" 100 succeeded,"), "{text}");
    assert_eq!(connections.load(Ordering::Relaxed), 12);
}

#[tokio::test]
async fn the_tls_examples_client_gets_an_answer_on_each_connection() {
    let (listener, certificate) = TlsListener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    start(listener, 1);
    for _ in 0..2 {
        let answer = within(tls_client::ask(addr, certificate.clone()))
            .await
            .unwrap();
        assert_eq!(answer, "Kevin");
    }
}

#[tokio::test]
async fn a_client_that_does_not_speak_tls_is_closed() {
    let (listener, _) = TlsListener::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    start(listener, 1);
    let mut client = Raw::connect(addr).await;
    client.send(support::get("/user")).await;
    assert!(!client.rest().await.starts_with("HTTP/"));
}
