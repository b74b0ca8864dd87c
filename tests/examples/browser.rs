//! A real browser without a window, driven by WebDriver.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{sleep, timeout};

use crate::process::{LONG, Running, client, within};

const BROWSER: &str = "chromium";
const DRIVER: &str = "chromedriver";

/// How often a browser is started before it is said that it does not. On a machine that is busy
/// or short of memory one crashes now and then before it has said a word.
const TRIES: usize = 4;

/// A browser is a dozen processes: several at once only keep each other from starting.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A browser with an empty profile, and its driver.
pub(crate) struct Browser {
    session: String,
    driver: Running,
    _profile: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// Starts one, once no other test has one. Without the programs there is none, which is said.
    pub(crate) async fn start() -> Option<Self> {
        let (browser, driver) = (program(BROWSER)?, program(DRIVER)?);
        let turn = ONE_AT_A_TIME.lock().await;
        let mut tries = 1;
        loop {
            let profile = tempfile::tempdir().unwrap();
            match session(&browser, &driver, profile.path()).await {
                Ok((session, driver)) => {
                    return Some(Self {
                        session,
                        driver,
                        _profile: profile,
                        _turn: turn,
                    });
                }
                Err(why) if tries < TRIES => eprintln!("try {tries}: {why}"),
                Err(why) => panic!("no browser after {tries} tries: {why}"),
            }
            tries += 1;
        }
    }

    pub(crate) async fn open(&self, url: &str) {
        let opened = post(format!("{}/url", self.session), &json!({ "url": url })).await;
        opened.unwrap_or_else(|why| panic!("cannot open {url}: {why}"));
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let body = json!({ "script": script, "args": [] });
        let returned = post(format!("{}/execute/sync", self.session), &body).await;
        returned.unwrap_or_else(|why| panic!("{script}: {why}"))
    }

    /// Waits until a script returns this.
    pub(crate) async fn until(&self, script: &str, expected: Value) {
        let mut last = Value::Null;
        let returned = async {
            while last != expected {
                sleep(Duration::from_millis(20)).await;
                last = self.run(script).await;
            }
        };
        if timeout(LONG, returned).await.is_err() {
            panic!("{script}: {last}, and never {expected}");
        }
    }

    /// Ends the browser, which outlives its driver otherwise. That it does not end well is said,
    /// and is no reason for a test to fail.
    pub(crate) async fn quit(mut self) {
        let quit = client().delete(&self.session).send();
        match within(quit)
            .await
            .and_then(|answer| answer.error_for_status())
        {
            Ok(_) => {}
            Err(why) => eprintln!("the browser did not end: {why}"),
        }
        self.driver.terminate().await;
        self.driver.ended().await;
    }
}

/// Starts the driver, and through it a browser: where its session is, and the driver.
async fn session(
    browser: &Path,
    driver: &Path,
    profile: &Path,
) -> Result<(String, Running), String> {
    let mut driver = Running::of(driver, &["--port=0"]);
    let address = loop {
        let line = driver.next_line().await.ok_or("the driver ended")?;
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            break format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
        }
    };
    let capabilities = json!({"capabilities": {"alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": {
            "binary": browser,
            "args": [
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--no-proxy-server",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                format!("--user-data-dir={}", profile.display()),
            ],
        },
    }}});
    let session = post(format!("{address}/session"), &capabilities).await?;
    let id = session["sessionId"]
        .as_str()
        .ok_or("a session without an id")?;
    Ok((format!("{address}/session/{id}"), driver))
}

/// Where a program is, if it is installed.
fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|it| it.exists());
    if found.is_none() {
        eprintln!("SKIPPED: there is no {name}");
    }
    found
}

/// The value that the driver answers with, or what is the matter.
async fn post(url: String, body: &Value) -> Result<Value, String> {
    let request = client().post(url).body(body.to_string());
    let sent = request.header("content-type", "application/json").send();
    let answer = async { sent.await?.text().await };
    let text = within(answer).await.map_err(|error| format!("{error:?}"))?;
    let mut answer: Value = serde_json::from_str(&text).map_err(|_| text)?;
    let value = answer["value"].take();
    match value["error"].is_null() {
        true => Ok(value),
        false => Err(format!("{value:#}")),
    }
}
