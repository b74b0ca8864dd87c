//! An example that runs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;
use std::{env, fs};

use reqwest::{Client, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

/// What takes a minute never comes. It is no measure of anything, and only ends a test that hangs.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    timeout(LONG, future)
        .await
        .expect("it should have come to an end long ago")
}

/// A client with a connection of its own, whatever proxy the environment names.
pub(crate) fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// Asks, on a connection of its own, for as long as it takes.
pub(crate) async fn get(url: String) -> reqwest::Result<Response> {
    client().get(url).send().await
}

/// Where an example is. `cargo test` builds them beside the tests.
fn path(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let directory = test.parent().and_then(|deps| deps.parent()).unwrap();
    let path = directory.join("examples").join(name);
    assert!(
        path.exists(),
        "{name} is not built: run `cargo test`, or `cargo build --examples` first"
    );
    path
}

fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

/// Runs an example to its end.
pub(crate) async fn output(name: &str, flags: &[&str]) -> Output {
    let output = command(path(name)).args(flags).output();
    within(output).await.unwrap()
}

/// What an example printed, which must be one JSON value and nothing else.
#[track_caller]
pub(crate) fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An example that runs until it is told to end, or dropped.
pub(crate) struct Running {
    child: Child,
    stdout: UnboundedReceiver<String>,
    stderr: UnboundedReceiver<String>,
}

impl Running {
    pub(crate) fn start(name: &str, flags: &[&str]) -> Self {
        Self::spawn(command(path(name)).args(flags))
    }

    /// Some other program.
    pub(crate) fn of(program: &Path, flags: &[&str]) -> Self {
        Self::spawn(command(program).args(flags))
    }

    /// One that may have so many files open, sockets among them.
    #[cfg(unix)]
    pub(crate) fn start_with_files(files: u32, name: &str, flags: &[&str]) -> Self {
        let mut shell = command("sh");
        shell.args(["-c", "ulimit -n \"$0\" && exec \"$@\"", &files.to_string()]);
        Self::spawn(shell.arg(path(name)).args(flags))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            stdout: lines(child.stdout.take().unwrap()),
            stderr: lines(child.stderr.take().unwrap()),
            child,
        }
    }

    /// The next line of its output.
    pub(crate) async fn line(&mut self) -> String {
        self.next_line().await.expect("it ended")
    }

    /// The same, unless its output has ended.
    pub(crate) async fn next_line(&mut self) -> Option<String> {
        within(self.stdout.recv()).await
    }

    /// Where a server that starts says that it listens, and where its admin is.
    pub(crate) async fn addresses(&mut self) -> (String, String) {
        let address = self.line_after("listening on ").await;
        (address, self.line_after("admin on ").await)
    }

    /// What its next line says after this.
    async fn line_after(&mut self, start: &str) -> String {
        let line = self.line().await;
        line.strip_prefix(start).expect(&line).to_owned()
    }

    /// Waits until it says so on standard error.
    pub(crate) async fn says(&mut self, what: &str) {
        let mut before = Vec::new();
        while let Some(line) = within(self.stderr.recv()).await {
            if line.contains(what) {
                return;
            }
            before.push(line);
        }
        panic!("it ended without saying {what:?}, but: {before:?}");
    }

    /// Asks it to end, as Kubernetes does.
    pub(crate) async fn terminate(&self) {
        let id = self.child.id().expect("it runs").to_string();
        let kill = Command::new("sh")
            .args(["-c", "kill -TERM \"$0\"", &id])
            .status();
        assert!(within(kill).await.unwrap().success());
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        within(self.child.wait()).await.unwrap()
    }
}

/// Reads all lines as they come, so that no pipe fills up.
fn lines(from: impl AsyncRead + Send + Unpin + 'static) -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(async move {
        let mut lines = BufReader::new(from).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            // Whoever does not listen does not want to know.
            let _ = sender.send(line);
        }
    });
    receiver
}

/// A rule file that a test may change.
pub(crate) struct RuleFile {
    directory: TempDir,
}

impl RuleFile {
    pub(crate) fn missing() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// A rule with these fields under `connectionPool`, in YAML's flow style.
    pub(crate) fn with(pool: &str) -> Self {
        let this = Self::missing();
        this.write(pool);
        this
    }

    pub(crate) fn path(&self) -> String {
        let path = self.directory.path().join("rule.yaml");
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn directory(&self) -> String {
        self.directory.path().to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, pool: &str) {
        self.write_text(&format!(
            "apiVersion: networking.istio.io/v1\n\
             kind: DestinationRule\n\
             metadata: {{name: user}}\n\
             spec: {{host: user, trafficPolicy: {{connectionPool: {{{pool}}}}}}}\n"
        ));
    }

    /// All or nothing, as editors do.
    pub(crate) fn write_text(&self, text: &str) {
        let draft = self.directory.path().join("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(draft, self.path()).unwrap();
    }

    pub(crate) fn delete(&self) {
        fs::remove_file(self.path()).unwrap();
    }
}
