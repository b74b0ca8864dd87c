//! The real Envoy. Its cluster comes from a file, so that the file can bring another.

mod config;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use tempfile::TempDir;
use tokio::process::Child;

use super::Proxy;
use super::process::{Admin, command, replace, sleeps, stop, until};
use crate::scenario::{Scenario, Settings};
use crate::stats::Stats;

/// How many updates of the cluster file it has taken in.
const UPDATES: &str = "cluster_manager.cds.update_success";

pub(crate) struct Envoy {
    process: Child,
    directory: TempDir,
    address: SocketAddr,
    admin: Admin,
    scenario: Scenario,
    upstream: SocketAddr,
}

impl Envoy {
    /// The binary, where `ENVOY` names it.
    pub(crate) fn binary() -> Option<PathBuf> {
        std::env::var_os("ENVOY").map(PathBuf::from)
    }
}

impl Proxy for Envoy {
    const NAME: &str = "envoy";

    async fn start(scenario: &Scenario, upstream: SocketAddr) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        let bootstrap = config::bootstrap(scenario, &file("clusters.json"), &file("access.log"));
        std::fs::write(file("envoy.json"), bootstrap.to_string()).unwrap();
        let clusters = config::clusters(scenario, Some(&scenario.settings), upstream);
        std::fs::write(file("clusters.json"), clusters.to_string()).unwrap();
        let mut process = command(Self::binary().expect("ENVOY names the binary"))
            .arg("--config-path")
            .arg(file("envoy.json"))
            .arg("--admin-address-path")
            .arg(file("admin"))
            .args(["--disable-hot-restart", "-l", "critical"])
            .args(["--file-flush-interval-msec", "5"])
            .args(["--concurrency", &scenario.workers.to_string()])
            .spawn()
            .unwrap();
        let admin = until("Envoy's admin", async || {
            assert!(process.try_wait().unwrap().is_none(), "Envoy has ended");
            let text = std::fs::read_to_string(file("admin")).ok()?;
            text.parse().ok().map(Admin::new)
        })
        .await;
        until("Envoy to be ready", async || admin.get("/ready").await.ok()).await;
        let address = until("Envoy's listener", async || listener(&admin).await).await;
        Self {
            process,
            directory,
            address,
            admin,
            scenario: scenario.clone(),
            upstream,
        }
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    async fn stats(&self) -> Stats {
        Stats::parse(&self.admin("/stats?usedonly").await)
    }

    fn sleeps(&self) -> bool {
        sleeps(&self.process)
    }

    async fn admin(&self, path: &str) -> String {
        self.admin.get(path).await.unwrap()
    }

    async fn set(&mut self, settings: Option<&Settings>) {
        let before = self.stats().await.get(UPDATES);
        let clusters = config::clusters(&self.scenario, settings, self.upstream);
        let file = self.directory.path().join("clusters.json");
        replace(&file, &clusters.to_string());
        until("Envoy to see its clusters", async || {
            (self.stats().await.get(UPDATES) > before).then_some(())
        })
        .await;
    }

    async fn runtime(&mut self, keys: &BTreeMap<String, u32>) {
        let keys: Vec<_> = keys.iter().map(|(key, to)| format!("{key}={to}")).collect();
        let path = format!("/runtime_modify?{}", keys.join("&"));
        self.admin.post(&path).await.unwrap();
    }

    fn access_log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.directory.path().join("access.log"));
        let text = text.unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    async fn stop(self) {
        stop(self.process).await;
    }
}

/// The admin knows which port the listener has got.
async fn listener(admin: &Admin) -> Option<SocketAddr> {
    let listeners = admin.get("/listeners?format=json").await.ok()?;
    let listeners: serde_json::Value = serde_json::from_str(&listeners).ok()?;
    let port = &listeners["listener_statuses"][0]["local_address"]["socket_address"]["port_value"];
    let port = port.as_u64()?.try_into().unwrap();
    Some(SocketAddr::from(([127, 0, 0, 1], port)))
}
