//! The example `sidecar`: this crate's outbound pool as a proxy.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use super::Proxy;
use super::process::{Admin, command, replace, sleeps, stop, until};
use crate::scenario::{ConnectionPool, Protocol, Scenario, Settings};
use crate::stats::Stats;

/// How many changes of the rule file are in force.
const UPDATES: &str = "rules.update_success";

pub(crate) struct Sidecar {
    process: Child,
    directory: TempDir,
    address: SocketAddr,
    admin: Admin,
    settings: Settings,
    /// Limits changed in place, which stay when other settings come.
    runtime: BTreeMap<String, u32>,
    access_log: Arc<Mutex<Vec<String>>>,
}

impl Sidecar {
    /// The example, where `cargo test` has built it. That builds examples beside the tests, but
    /// for `cargo test --test`.
    pub(crate) fn binary() -> Option<PathBuf> {
        let test = std::env::current_exe().unwrap();
        let directory = test.parent().and_then(|deps| deps.parent()).unwrap();
        let path = directory.join("examples").join("sidecar");
        path.exists().then_some(path)
    }

    fn rule_file(&self) -> PathBuf {
        self.directory.path().join("rule.json")
    }
}

impl Proxy for Sidecar {
    const NAME: &str = "sidecar";

    async fn start(scenario: &Scenario, upstream: SocketAddr) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let rule = directory.path().join("rule.json");
        if let Some(text) = rule_text(&scenario.settings) {
            std::fs::write(&rule, text).unwrap();
        }
        let mut command = command(Self::binary().expect("the example is built"));
        command
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args(["--workers", &scenario.workers.to_string(), "--access-log"])
            .arg("--rule")
            .arg(&rule)
            .args(upstream_flags(scenario, upstream))
            .args(route_flags(scenario));
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (mut address, mut admin) = (None, None);
        while let (None, _) | (_, None) = (address, admin) {
            let line = lines.next_line().await.unwrap().expect("sidecar has ended");
            let found = |start| Some(line.strip_prefix(start)?.parse().unwrap());
            address = address.or(found("listening on "));
            admin = admin.or(found("admin on "));
        }
        let access_log = Arc::default();
        tokio::spawn(collect(lines, Arc::clone(&access_log)));
        Self {
            process,
            directory,
            address: address.unwrap(),
            admin: Admin::new(admin.unwrap()),
            settings: scenario.settings.clone(),
            runtime: BTreeMap::new(),
            access_log,
        }
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn stats(&self) -> Stats {
        Stats::parse(&self.admin("/stats").await)
    }

    fn sleeps(&self) -> bool {
        sleeps(&self.process)
    }

    async fn admin(&self, path: &str) -> String {
        self.admin.get(path).await.unwrap()
    }

    async fn set(&mut self, settings: Option<&Settings>) {
        let settings = settings.cloned().unwrap_or_default().changed(&self.runtime);
        let (before, after) = (rule_text(&self.settings), rule_text(&settings));
        self.settings = settings;
        if before == after {
            return; // what does not change anything is not counted
        }
        let updates = self.stats().await.get(UPDATES);
        match after {
            Some(text) => replace(&self.rule_file(), &text),
            None => std::fs::remove_file(self.rule_file()).unwrap(),
        }
        until("the rule to be in force", async || {
            (self.stats().await.get(UPDATES) > updates).then_some(())
        })
        .await;
    }

    /// A changed rule is in force in place.
    async fn runtime(&mut self, keys: &BTreeMap<String, u32>) {
        self.runtime
            .extend(keys.iter().map(|(key, value)| (key.clone(), *value)));
        let settings = self.settings.clone();
        self.set(Some(&settings)).await;
    }

    fn access_log(&self) -> Vec<String> {
        self.access_log.lock().unwrap().clone()
    }

    async fn stop(self) {
        stop(self.process).await;
    }
}

fn upstream_flags(scenario: &Scenario, upstream: SocketAddr) -> Vec<String> {
    let (scheme, protocol) = (
        if scenario.tls { "https" } else { "http" },
        match scenario.protocol {
            Protocol::H1 => "h1",
            Protocol::H2 => "h2",
        },
    );
    let mut flags = vec![
        "--upstream".to_owned(),
        format!("{scheme}://{upstream}"),
        "--upstream-protocol".to_owned(),
        protocol.to_owned(),
    ];
    if scenario.tls {
        flags.push("--upstream-insecure".to_owned());
    }
    flags
}

fn route_flags(scenario: &Scenario) -> Vec<String> {
    let mut flags = Vec::new();
    let mut add = |flag: &str, value: &str| flags.extend([flag.to_owned(), value.to_owned()]);
    if let Some(timeout) = &scenario.route.route_timeout {
        add("--timeout", timeout);
    }
    if let Some(policy) = &scenario.route.retry_policy {
        add("--retries", &policy.num_retries.to_string());
        add("--retry-on", &policy.retry_on);
        if let Some(timeout) = &policy.per_try_timeout {
            add("--per-try-timeout", timeout);
        }
    }
    flags
}

/// The DestinationRule that says so; none for no settings at all.
///
/// # Panics
/// If no rule can say so.
fn rule_text(settings: &Settings) -> Option<String> {
    let mut settings = settings.clone();
    // Limits are always there, if they are any, and what remains of them is always told.
    settings.no_circuit_breakers = false;
    let raw = settings.envoy_thresholds.take().unwrap_or_default();
    let has_raw = raw.max_connections.is_some()
        || raw.max_pending_requests.is_some()
        || raw.max_requests.is_some();
    assert!(!has_raw, "no rule can say {raw:?}");
    // Istio takes no empty `connectionPool`; a rule without anything is no rule.
    settings.connection_pool = settings
        .connection_pool
        .filter(|pool| *pool != ConnectionPool::default());
    if settings == Settings::default() {
        return None;
    }
    let rule = json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": { "name": "up" },
        "spec": { "host": "up", "trafficPolicy": settings },
    });
    Some(rule.to_string())
}

/// The lines that come after it is ready are its access log.
async fn collect(mut lines: Lines<BufReader<ChildStdout>>, into: Arc<Mutex<Vec<String>>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        into.lock().unwrap().push(line);
    }
}
