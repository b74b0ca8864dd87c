//! `user`: the service to embed.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::process::{self, RuleFile, Running, client, get, output, within};

const ANYWHERE: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

/// A `user` that is ready, with an admin address.
pub(crate) struct User {
    process: Running,
    address: String,
    admin: String,
}

impl User {
    pub(crate) async fn start(flags: &[&str]) -> Self {
        Self::ready(Running::start("user", &[&ANYWHERE, flags].concat())).await
    }

    async fn ready(mut process: Running) -> Self {
        let (address, admin) = process.addresses().await;
        Self {
            process,
            address,
            admin,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/user", self.address)
    }

    /// Asks for the user, on a connection of its own.
    async fn ask(&self) -> Response {
        within(get(self.url())).await.unwrap()
    }

    pub(crate) fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin)
    }

    async fn admin(&self, path: &str) -> Response {
        within(get(self.admin_url(path))).await.unwrap()
    }

    /// What `/explain` says, as JSON.
    pub(crate) async fn explained(&self) -> Value {
        serde_json::from_str(&text(self.admin("/explain.json").await).await).unwrap()
    }

    async fn stats(&self) -> Value {
        serde_json::from_str(&text(self.admin("/stats").await).await).unwrap()
    }

    /// Waits until `/stats` says so.
    pub(crate) async fn until(&self, field: &str, value: Value) {
        within(async {
            while self.stats().await[field] != value {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

async fn text(answer: Response) -> String {
    within(answer.text()).await.unwrap()
}

async fn kevin(answer: Response) {
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(text(answer).await, "Kevin");
}

#[tokio::test]
async fn without_a_rule_nothing_is_limited() {
    let user = User::start(&["--workers", "1"]).await;
    kevin(user.ask().await).await;
    let stats = user.stats().await;
    assert_eq!(stats["limits"], json!({}));
    assert_eq!(stats["admitted"], 1);
    for zero in [
        "active",
        "pending",
        "rule_updates",
        "rule_rejects",
        "limit_changes",
    ] {
        assert_eq!(stats[zero], 0, "{zero}");
    }
    assert_eq!(user.admin("/healthz").await.status(), StatusCode::OK);
    assert_eq!(user.admin("/readyz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_metrics_are_those_of_the_moment() {
    let rule = RuleFile::with("http: {http2MaxRequests: 1}");
    let user = User::start(&["--rule", &rule.path(), "--latency", "3600s"]).await;
    let _held = tokio::spawn(get(user.url()));
    user.until("active", json!(1)).await;
    let refused = user.ask().await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);

    let page = text(user.admin("/metrics").await).await;
    for line in [
        r#"meshpool_active_requests{pool="user"} 1"#,
        r#"meshpool_max_requests{pool="user"} 1"#,
        r#"meshpool_admitted_requests_total{pool="user"} 1"#,
        r#"meshpool_overflowed_requests_total{pool="user",reason="max_requests"} 1"#,
        r#"meshpool_rules_limit_changes_total{rules="user"} 1"#,
    ] {
        assert!(page.lines().any(|each| each == line), "{line} in:\n{page}");
    }
}

#[tokio::test]
async fn the_rule_is_in_force_before_the_service_says_that_it_listens() {
    let rule = RuleFile::with("http: {http2MaxRequests: 3, http1MaxPendingRequests: 2}");
    let user = User::start(&["--rule", &rule.path()]).await;
    let stats = user.stats().await;
    let limits = json!({"max_requests": 3, "max_pending_requests": 0});
    assert_eq!(stats["limits"], limits);
    assert_eq!(stats["rule_updates"], 1);

    let user = User::start(&["--rule", &rule.path(), "--wait"]).await;
    let limits = json!({"max_requests": 3, "max_pending_requests": 2});
    assert_eq!(user.stats().await["limits"], limits);
}

#[tokio::test]
async fn a_rule_that_appears_changes_and_goes_is_followed() {
    let rule = RuleFile::missing();
    let mut user = User::start(&["--rule", &rule.path()]).await;
    assert_eq!(user.stats().await["limits"], json!({}));

    rule.write("http: {http2MaxRequests: 7}");
    user.process.says("rule applied").await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 7);

    rule.write("http: {http2MaxRequests: 8}");
    user.process.says("rule applied").await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 8);

    rule.write_text("kind: [");
    user.until("rule_rejects", json!(1)).await;
    let stats = user.stats().await;
    assert_eq!(stats["limits"]["max_requests"], 8);
    assert_eq!(stats["rule_updates"], 2);

    rule.delete();
    user.process.says("no rule").await;
    let stats = user.stats().await;
    assert_eq!(stats["limits"], json!({}));
    assert_eq!(stats["rule_updates"], 3);
    kevin(user.ask().await).await;
}

#[tokio::test]
async fn a_rule_that_is_broken_at_the_start_is_told_and_limits_nothing() {
    let rule = RuleFile::with("http: {http2MaxRequests: many}");
    let mut user = User::start(&["--rule", &rule.path()]).await;
    user.process.says("http2MaxRequests").await;
    user.process.says("nothing is limited").await;
    let stats = user.stats().await;
    assert_eq!(stats["limits"], json!({}));
    assert_eq!(
        (&stats["rule_updates"], &stats["rule_rejects"]),
        (&json!(0), &json!(1))
    );
    kevin(user.ask().await).await;

    rule.write("http: {http2MaxRequests: 7}");
    user.process.says("rule applied").await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 7);
}

#[tokio::test]
async fn of_many_rules_the_one_for_its_host_is_obeyed() {
    let (one, other) = (RuleFile::missing(), RuleFile::missing());
    let rule = |name: &str, requests: u32| {
        format!(
            "apiVersion: networking.istio.io/v1\n\
             kind: DestinationRule\n\
             metadata: {{name: {name}, namespace: demo}}\n\
             spec: {{host: {name}, trafficPolicy: {{connectionPool: {{http: \
             {{http2MaxRequests: {requests}}}}}}}}}\n"
        )
    };
    one.write_text(&rule("user", 7));
    other.write_text(&rule("other", 1));
    let (directory, file) = (one.directory(), other.path());
    let flags = ["--rules", &directory, &file, "--namespace", "demo"];
    let mut user = User::start(&flags).await;
    let stats = user.stats().await;
    assert_eq!(stats["limits"]["max_requests"], 7);
    assert_eq!(stats["rule_updates"], 1);

    one.write_text(&rule("user", 8));
    // The library tells from what to what, and the service when it obeys.
    let to = "to=Limits { max_requests: Some(8)";
    user.process.says(to).await;
    user.process
        .says("rule applied: Limits { max_requests: Some(8)")
        .await;
    let stats = user.stats().await;
    assert_eq!(stats["limits"]["max_requests"], 8);
    assert_eq!(stats["limit_changes"], 2);
    let page = text(user.admin("/metrics").await).await;
    let line = r#"meshpool_rules_limit_changes_total{rules="user"} 2"#;
    assert!(page.lines().any(|each| each == line), "{page}");

    one.write_text("kind: [");
    user.until("rule_rejects", json!(1)).await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 8);

    one.delete();
    user.process.says("no rule").await;
    assert_eq!(user.stats().await["limits"], json!({}));
}

#[tokio::test]
async fn its_full_name_has_the_domain_of_the_cluster() {
    let rules = RuleFile::missing();
    rules.write_text(
        "apiVersion: networking.istio.io/v1\n\
         kind: DestinationRule\n\
         metadata: {name: user, namespace: demo}\n\
         spec: {host: user.demo.svc.mesh.test, trafficPolicy: {connectionPool: {http: \
         {http2MaxRequests: 7}}}}\n",
    );
    let directory = rules.directory();
    let flags = ["--rules", &directory, "--namespace", "demo"];
    let user = User::start(&flags).await;
    assert_eq!(user.stats().await["limits"], json!({}));
    let flags = [&flags[..], &["--cluster-domain", "mesh.test"]].concat();
    let user = User::start(&flags).await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 7);
}

#[tokio::test]
async fn its_full_name_has_its_namespace_in_it() {
    let rules = RuleFile::missing();
    let of = |kind: &str, spec: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\n\
             kind: {kind}\n\
             metadata: {{name: user, namespace: demo}}\n\
             spec: {{{spec}}}\n"
        )
    };
    let rule =
        "host: user, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 7}}}".to_owned();
    rules.write_text(&of("DestinationRule", &rule));
    let directory = rules.directory();
    let flags = [
        "--rules",
        &directory,
        "--host",
        "user.demo.svc.cluster.local",
    ];
    let mut user = User::start(&flags).await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 7);
    let said = [&flags[..], &["--direction", "inbound", "--json"]].concat();
    let said = process::json(&output("explain", &said).await);
    assert_eq!(said["limits"][0]["field"], "max_requests");
    assert_eq!(said["limits"][0]["value"], 7);

    // It is the workload's as well: a Sidecar of the namespace is obeyed.
    let sidecar = of(
        "Sidecar",
        "inboundConnectionPool: {http: {http2MaxRequests: 5}}",
    );
    rules.write_text(&sidecar);
    user.process
        .says("rule applied: Limits { max_requests: Some(5)")
        .await;

    // One that is said holds, whatever the name says.
    let elsewhere = [&flags[..], &["--namespace", "elsewhere"]].concat();
    let user = User::start(&elsewhere).await;
    assert_eq!(user.stats().await["limits"], json!({}));
}

#[tokio::test]
async fn a_sidecar_is_obeyed_by_the_workload_and_at_the_port_that_it_is_for() {
    let rules = RuleFile::missing();
    rules.write_text(
        "apiVersion: networking.istio.io/v1\n\
         kind: DestinationRule\n\
         metadata: {name: user}\n\
         spec: {host: user, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 7}}}}\n\
         ---\n\
         apiVersion: networking.istio.io/v1\n\
         kind: Sidecar\n\
         metadata: {name: user}\n\
         spec:\n\
         \x20 workloadSelector: {labels: {app: user, version: v1}}\n\
         \x20 inboundConnectionPool: {http: {http2MaxRequests: 5}}\n\
         \x20 ingress:\n\
         \x20 - port: {number: 8080, protocol: HTTP}\n\
         \x20   connectionPool: {http: {http2MaxRequests: 3}}\n",
    );
    let directory = rules.directory();
    let selected = ["--label", "app=user", "--label", "version=v1"];
    for (flags, requests) in [
        (vec![], 7),
        (vec!["--label", "app=user"], 7),
        (vec!["--port", "80", "--target-port", "8080"], 7),
        (selected.to_vec(), 5),
        ([&selected[..], &["--port", "8080"]].concat(), 3),
        (
            [&selected[..], &["--port", "80", "--target-port", "8080"]].concat(),
            3,
        ),
    ] {
        let flags = [&["--rules", &directory], &flags[..]].concat();
        let user = User::start(&flags).await;
        let stats = user.stats().await;
        assert_eq!(stats["limits"]["max_requests"], requests, "{flags:?}");
    }

    let output = output("user", &["--rules", &directory, "--label", "app"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(process::text(&output.stderr).contains("expected KEY=VALUE"));
}

#[tokio::test]
async fn a_path_of_rules_that_is_not_there_is_told_and_waited_for() {
    let rules = RuleFile::missing();
    let missing = format!("{}/rulez", rules.directory());
    let mut user = User::start(&["--rules", &missing]).await;
    user.process
        .says(&format!("{missing}: warning: there is no such file"))
        .await;
    let problems = |explained: Value| explained["problems"].to_string();
    assert!(problems(user.explained().await).contains("it is waited for"));

    std::fs::create_dir(&missing).unwrap();
    rules.write("http: {http2MaxRequests: 7}");
    std::fs::rename(rules.path(), format!("{missing}/user.yaml")).unwrap();
    user.process.says("rule applied").await;
    assert_eq!(user.stats().await["limits"]["max_requests"], 7);
    assert!(!problems(user.explained().await).contains("it is waited for"));
}

#[tokio::test]
async fn one_rule_and_many_do_not_go_together() {
    let output = output("user", &["--rule", "a.yaml", "--rules", "b"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(process::text(&output.stderr).contains("cannot be used with"));
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_and_ends_the_service() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for flags in [
        ["--listen", &taken, "--admin", "127.0.0.1:0"],
        ["--listen", "127.0.0.1:0", "--admin", &taken],
    ] {
        let output = output("user", &flags).await;
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty(), "it listens nowhere");
        let complaint = process::text(&output.stderr);
        assert!(complaint.starts_with(&format!("{taken}: ")), "{complaint}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_service_that_may_open_no_more_files_says_so_and_goes_on() {
    const FILES: u32 = 40;

    let flags = [&ANYWHERE[..], &["--workers", "1"]].concat();
    let mut user = User::ready(Running::start_with_files(FILES, "user", &flags)).await;
    // The system accepts them in its name.
    let idle: Vec<_> = (0..FILES)
        .map(|_| std::net::TcpStream::connect(&user.address).unwrap())
        .collect();
    user.process.says("cannot accept").await;
    drop(idle);
    kevin(user.ask().await).await;
}

#[tokio::test]
async fn a_saturated_service_refuses_is_not_ready_and_is_healthy() {
    let rule = RuleFile::with("http: {http2MaxRequests: 1}");
    let user = User::start(&["--rule", &rule.path(), "--latency", "3600s"]).await;
    let held = tokio::spawn(get(user.url()));
    user.until("active", json!(1)).await;

    let refused = user.ask().await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["x-envoy-overloaded"], "true");
    assert_eq!(user.stats().await["overflowed"]["max_requests"], 1);
    let ready = user.admin("/readyz").await;
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text(ready).await, "saturated\n");
    assert_eq!(user.admin("/healthz").await.status(), StatusCode::OK);

    // The client goes, and its slot is free again.
    held.abort();
    user.until("active", json!(0)).await;
    assert_eq!(user.admin("/readyz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_observing_service_counts_and_refuses_nothing() {
    let rule = RuleFile::with("http: {http2MaxRequests: 1}");
    let flags = ["--rule", &rule.path(), "--observe", "--latency", "3600s"];
    let user = User::start(&flags).await;
    let held = [(); 3].map(|()| tokio::spawn(get(user.url())));
    user.until("would_overflow", json!(2)).await;
    let stats = user.stats().await;
    assert_eq!(stats["overflowed"]["max_requests"], 0);
    assert_eq!(stats["active"], 1);
    assert!(held.iter().all(|request| !request.is_finished()));
    assert_eq!(user.explained().await["enforced"], false);
    let said = text(user.admin("/explain").await).await;
    assert!(said.contains("Observed here: nothing is refused"), "{said}");
    assert!(!said.contains("Enforced here"), "{said}");
}

#[tokio::test]
async fn a_connection_carries_as_many_requests_as_the_rule_says() {
    let rule = RuleFile::with("http: {maxRequestsPerConnection: 2}");
    let user = User::start(&["--rule", &rule.path(), "--latency", "0ms"]).await;
    let client = client();
    let mut closes = Vec::new();
    for _ in 0..4 {
        let answer = within(client.get(user.url()).send()).await.unwrap();
        closes.push(answer.headers().contains_key("connection"));
        kevin(answer).await;
    }
    assert_eq!(closes, [false, true, false, true]);
}

#[tokio::test]
async fn sigterm_says_closing_while_a_request_runs_and_ends_when_none_does() {
    let mut user = User::start(&["--latency", "3600s"]).await;
    let held = tokio::spawn(get(user.url()));
    user.until("active", json!(1)).await;

    user.process.terminate().await;
    user.process.says("draining").await;
    within(async {
        while user.admin("/readyz").await.status() == StatusCode::OK {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(text(user.admin("/readyz").await).await, "closing\n");
    assert_eq!(user.stats().await["active"], 1);

    // The client goes, and nothing runs any more.
    held.abort();
    user.process.says("drained").await;
    assert_eq!(user.process.ended().await.code(), Some(0));
}

#[tokio::test]
async fn sigterm_finishes_what_runs_and_ends_well() {
    let mut user = User::start(&["--latency", "2s"]).await;
    let running = tokio::spawn(get(user.url()));
    // Not `active`, which on a slow machine nobody might see.
    user.until("admitted", json!(1)).await;

    user.process.terminate().await;
    kevin(within(running).await.unwrap().unwrap()).await;
    user.process.says("drained").await;
    assert_eq!(user.process.ended().await.code(), Some(0));
}
