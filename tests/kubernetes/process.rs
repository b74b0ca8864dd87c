//! An example that runs against the double.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use crate::double::Double;
use crate::within;

/// A `user` or a `sidecar` that is ready, and ends with the test.
pub(crate) struct Running {
    _child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Lines<BufReader<ChildStderr>>,
    pub(crate) address: String,
    admin: String,
}

impl Running {
    /// Starts it with the double for its cluster.
    pub(crate) async fn start(name: &str, double: &Double, flags: &[&str]) -> Self {
        let mut child = command(name)
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args(flags)
            .env("KUBECONFIG", double.kubeconfig())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut running = Self {
            stdout: BufReader::new(child.stdout.take().unwrap()).lines(),
            stderr: BufReader::new(child.stderr.take().unwrap()).lines(),
            _child: child,
            address: String::new(),
            admin: String::new(),
        };
        running.address = running.line("listening on ").await;
        running.admin = running.line("admin on ").await;
        running
    }

    /// The rest of the next line, which begins so.
    async fn line(&mut self, start: &str) -> String {
        let line = within(self.stdout.next_line())
            .await
            .unwrap()
            .expect("it ended");
        line.strip_prefix(start).expect(&line).to_owned()
    }

    /// Waits until it says so on standard error.
    pub(crate) async fn says(&mut self, what: &str) {
        while let Some(line) = within(self.stderr.next_line()).await.unwrap() {
            if line.contains(what) {
                return;
            }
        }
        panic!("it ended without saying {what:?}");
    }

    /// What its admin address answers.
    pub(crate) async fn admin(&self, path: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{}{path}", self.admin);
        let answer = within(client.get(url).send()).await.unwrap();
        within(answer.text()).await.unwrap()
    }

    pub(crate) async fn stats(&self) -> Value {
        serde_json::from_str(&self.admin("/stats").await).unwrap()
    }
}

/// Where an example is. `cargo test` builds them beside the tests.
fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let directory = test.parent().and_then(|deps| deps.parent()).unwrap();
    let path = directory.join("examples").join(name);
    assert!(
        path.exists(),
        "{name} is not built: run `cargo test`, or `cargo build --examples` first"
    );
    path
}

/// An example, not yet started.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(path(name));
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

/// Runs an example to its end, which must be a good one.
pub(crate) async fn runs(name: &str, flags: &[&str]) {
    let output = within(command(name).args(flags).output()).await.unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
}
