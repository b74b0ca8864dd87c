//! The page of `/explain`, in a browser.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use serde_json::json;

use crate::browser::Browser;
use crate::process::{RuleFile, get};
use crate::sidecar::Sidecar;
use crate::upstream::Upstream;
use crate::user::User;

/// Runs a test with a browser, and ends that whatever comes of the test.
async fn with_browser(test: impl AsyncFnOnce(&Browser)) {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let outcome = AssertUnwindSafe(test(&browser)).catch_unwind().await;
    browser.quit().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// What a bar says.
fn bar(name: &str) -> String {
    format!("return document.getElementById('{name}').getAttribute('aria-valuenow')")
}

/// The number above a bar.
fn number(name: &str) -> String {
    format!("return document.querySelector('section:has(#{name}) .number b').textContent")
}

/// How much of a bar is filled.
fn filled(name: &str) -> String {
    format!("return document.querySelector('#{name} i').style.width")
}

/// A cell of the row of a limit.
fn cell(limit: &str, column: usize) -> String {
    format!(
        "const row = [...document.querySelectorAll('#limits tbody tr')]\
         .find(row => row.cells[0].textContent === '{limit}');\
         return row ? row.cells[{column}].firstChild.textContent : null"
    )
}

#[tokio::test]
async fn the_bars_move_while_the_service_is_flooded_and_each_limit_shows_its_source() {
    with_browser(async |browser| {
        let rule = RuleFile::with("tcp: {maxConnections: 4}, http: {http1MaxPendingRequests: 3}");
        let user = User::start(&["--rule", &rule.path(), "--latency", "3600s"]).await;
        browser.open(&user.admin_url("/explain")).await;
        browser.until(&bar("active"), json!("0")).await;
        browser.until(&cell("max_requests", 1), json!("4")).await;
        let source = format!(
            "default/user, spec.trafficPolicy.connectionPool.tcp.maxConnections ({}:4:",
            rule.path()
        );
        let shown = browser.run(&cell("max_requests", 2)).await;
        assert!(shown.as_str().unwrap().starts_with(&source), "{shown}");
        let shown = browser.run(&cell("max_pending_requests", 2)).await;
        assert!(shown.as_str().unwrap().contains("http1MaxPendingRequests"));
        browser.until(&filled("active"), json!("0%")).await;

        let flood: Vec<_> = (0..12).map(|_| tokio::spawn(get(user.url()))).collect();
        browser.until(&bar("active"), json!("4")).await;
        browser.until(&bar("pending"), json!("3")).await;
        browser.until(&number("refused"), json!("5")).await;
        for full in ["active", "pending"] {
            browser.until(&filled(full), json!("100%")).await;
        }

        // The page that is there shows another rule, too.
        rule.write("tcp: {maxConnections: 8}, http: {http1MaxPendingRequests: 3}");
        browser.until(&cell("max_requests", 1), json!("8")).await;
        browser.until(&bar("active"), json!("7")).await;
        browser.until(&filled("active"), json!("87.5%")).await;
        for request in flood {
            request.abort();
        }
        browser.until(&bar("active"), json!("0")).await;
        browser.until(&filled("active"), json!("0%")).await;
    })
    .await;
}

#[tokio::test]
async fn a_sidecar_shows_what_its_upstream_has_to_do() {
    with_browser(async |browser| {
        let upstream = Upstream::start().await;
        let rule = RuleFile::with("tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}");
        let sidecar = Sidecar::start(&upstream, &["--rule", &rule.path()]).await;
        browser.open(&sidecar.admin_url("/explain")).await;
        browser.until(&cell("max_connections", 1), json!("1")).await;
        let source = browser.run(&cell("max_connections", 2)).await;
        let field = "default/user, spec.trafficPolicy.connectionPool.tcp.maxConnections (";
        assert!(source.as_str().unwrap().starts_with(field), "{source}");

        // One after the other: a request pends until it has a connection.
        let first = sidecar.get("/");
        browser.until(&bar("active"), json!("1")).await;
        let second = sidecar.get("/");
        browser.until(&bar("pending"), json!("1")).await;
        browser.until(&filled("pending"), json!("100%")).await;
        let refused = [sidecar.get("/"), sidecar.get("/")];
        browser.until(&number("refused"), json!("2")).await;

        rule.write("tcp: {maxConnections: 2}, http: {http1MaxPendingRequests: 1}");
        browser.until(&cell("max_connections", 1), json!("2")).await;
        browser.until(&bar("active"), json!("2")).await;
        browser.until(&bar("pending"), json!("0")).await;
        for request in [first, second].into_iter().chain(refused) {
            request.abort();
        }
        browser.until(&bar("active"), json!("0")).await;
    })
    .await;
}

#[tokio::test]
async fn whatever_a_rule_contains_stays_text() {
    const NAME: &str = "<script>document.title = 'taken'</script><img src=x onerror=alert(1)>";

    with_browser(async |browser| {
        let rule = RuleFile::missing();
        rule.write_text(&format!(
            "apiVersion: networking.istio.io/v1\n\
             kind: DestinationRule\n\
             metadata: {{name: \"{NAME}\"}}\n\
             spec: {{host: user, trafficPolicy: {{connectionPool: {{http: {{http2MaxRequests: 4, \
             maxRetries: 1}}}}}}}}\n"
        ));
        let user = User::start(&["--rule", &rule.path()]).await;
        browser.open(&user.admin_url("/explain")).await;
        browser.until(&cell("max_requests", 1), json!("4")).await;
        let subject = browser
            .run("return document.getElementById('subject').textContent")
            .await;
        assert!(
            subject.as_str().unwrap().contains("<script>document.title"),
            "{subject}"
        );
        let source = browser.run(&cell("max_requests", 2)).await;
        assert!(source.as_str().unwrap().contains("<script>"), "{source}");
        let made = "return document.querySelectorAll('img').length + document.scripts.length";
        assert_eq!(browser.run(made).await, 1, "the page's own script alone");
        assert_eq!(
            browser.run("return document.title").await,
            "Limits in force"
        );
        // Neither does it ask anybody else for anything.
        let asked = "return performance.getEntriesByType('resource')\
                     .map(entry => new URL(entry.name).pathname)\
                     .filter(path => path !== '/explain.json')";
        assert_eq!(browser.run(asked).await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_service_that_only_observes_says_so() {
    with_browser(async |browser| {
        let rule = RuleFile::with("http: {http2MaxRequests: 1}");
        let text = |id: &str| format!("return document.getElementById('{id}').textContent");
        for (flag, heading, name) in [
            (None, "Enforced here", "Refused"),
            (
                Some("--observe"),
                "Observed here: nothing is refused",
                "Would be refused",
            ),
        ] {
            let path = rule.path();
            let flags = ["--rule", &path].into_iter().chain(flag);
            let user = User::start(&flags.collect::<Vec<_>>()).await;
            browser.open(&user.admin_url("/explain")).await;
            browser.until(&cell("max_requests", 1), json!("1")).await;
            assert_eq!(browser.run(&text("enforced")).await, heading);
            assert_eq!(browser.run(&text("refused-name")).await, name);
        }
    })
    .await;
}

#[tokio::test]
async fn a_service_that_is_gone_is_told() {
    with_browser(async |browser| {
        let user = User::start(&[]).await;
        browser.open(&user.admin_url("/explain")).await;
        let live = "return document.getElementById('live').textContent";
        browser.until(live, json!("live")).await;
        drop(user);
        let gone =
            "return document.getElementById('live').textContent.startsWith('no answer since')";
        browser.until(gone, json!(true)).await;
    })
    .await;
}
