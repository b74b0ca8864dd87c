//! A proxy's process, and its admin.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

/// How often to look for something that can only be looked for.
const LOOK: Duration = Duration::from_millis(3);
/// What takes so long never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command whose process ends with its handle.
pub(super) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

/// Asks until there is an answer.
pub(super) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    found
        .await
        .unwrap_or_else(|_| panic!("{what}: not in {PATIENCE:?}"))
}

/// Ends it, and waits for that.
pub(super) async fn stop(mut child: Child) {
    child.kill().await.unwrap();
}

/// Whether no thread of it runs, or is about to. Where that is not to be known, they are taken to
/// sleep.
pub(super) fn sleeps(process: &Child) -> bool {
    let Some(id) = process.id() else {
        return true;
    };
    let Ok(threads) = std::fs::read_dir(format!("/proc/{id}/task")) else {
        return true;
    };
    let mut stats =
        threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("stat")).ok());
    stats.all(|stat| {
        // The state comes after the name, which is in brackets and may be anything.
        let state = stat.rsplit_once(") ").map(|(_, rest)| &rest[..1]);
        state == Some("S")
    })
}

/// All or nothing, as the follower of a file expects.
pub(super) fn replace(file: &Path, text: &str) {
    let draft = file.with_extension("draft");
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(draft, file).unwrap();
}

/// A client of the admin.
pub(super) struct Admin {
    address: SocketAddr,
    client: reqwest::Client,
}

impl Admin {
    pub(super) fn new(address: SocketAddr) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { address, client }
    }

    pub(super) async fn get(&self, path: &str) -> reqwest::Result<String> {
        let url = format!("http://{}{path}", self.address);
        let response = self.client.get(url).send().await?;
        response.error_for_status()?.text().await
    }

    pub(super) async fn post(&self, path: &str) -> reqwest::Result<String> {
        let url = format!("http://{}{path}", self.address);
        let response = self.client.post(url).send().await?;
        response.error_for_status()?.text().await
    }
}
