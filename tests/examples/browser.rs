//! A real browser without a window, driven by WebDriver.

use std::env;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Running, client, within};

const BROWSER: &str = "chromium";
const DRIVER: &str = "chromedriver";

/// A browser with an empty profile, and its driver.
pub(crate) struct Browser {
    session: String,
    driver: Running,
    _profile: TempDir,
}

impl Browser {
    /// Starts one. Without the programs there is none, which is said.
    pub(crate) async fn start() -> Option<Self> {
        let (browser, driver) = (program(BROWSER)?, program(DRIVER)?);
        let mut driver = Running::of(&driver, &["--port=0"]);
        let address = loop {
            let line = driver.line().await;
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
            }
        };
        let profile = tempfile::tempdir().unwrap();
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
                    format!("--user-data-dir={}", profile.path().display()),
                ],
            },
        }}});
        let session = post(format!("{address}/session"), &capabilities).await;
        let id = session["sessionId"].as_str().unwrap();
        Some(Self {
            session: format!("{address}/session/{id}"),
            driver,
            _profile: profile,
        })
    }

    pub(crate) async fn open(&self, url: &str) {
        post(format!("{}/url", self.session), &json!({ "url": url })).await;
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let body = json!({ "script": script, "args": [] });
        post(format!("{}/execute/sync", self.session), &body).await
    }

    /// Waits until a script returns this.
    pub(crate) async fn until(&self, script: &str, expected: Value) {
        within(async {
            while self.run(script).await != expected {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await;
    }

    /// Ends the browser, which outlives its driver otherwise.
    pub(crate) async fn quit(mut self) {
        let quit = client().delete(&self.session).send();
        within(quit).await.unwrap().error_for_status().unwrap();
        self.driver.terminate().await;
        self.driver.ended().await;
    }
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

/// The value that the driver answers with.
async fn post(url: String, body: &Value) -> Value {
    let request = client().post(url).body(body.to_string());
    let answer = within(request.header("content-type", "application/json").send())
        .await
        .unwrap();
    let text = within(answer.text()).await.unwrap();
    let mut answer: Value = serde_json::from_str(&text).unwrap();
    let value = answer["value"].take();
    assert!(value["error"].is_null(), "{value:#}");
    value
}
