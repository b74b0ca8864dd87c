//! `client`: the guide's client deployment.

use serde_json::Value;

use crate::process::{RuleFile, json, output, text};
use crate::user::User;

/// What three clients of a service with the guide's rule count, in a second.
async fn flood(protocol: &[&str]) -> Value {
    let rule = RuleFile::with(
        "http: {http2MaxRequests: 1, http1MaxPendingRequests: 1, maxRequestsPerConnection: 1}",
    );
    let user = User::start(&["--rule", &rule.path(), "--latency", "300ms"]).await;
    let url = user.url();
    let mut flags = vec!["--url", &url, "--clients", "3", "--seconds", "1", "--json"];
    flags.extend(protocol);
    let output = output("client", &flags).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    json(&output)
}

fn assert_part_is_refused(summary: &Value) {
    let number = |field: &str| summary[field].as_u64().unwrap();
    assert!(number("ok") > 0, "{summary}");
    assert!(number("overflow") > 0, "{summary}");
    assert_eq!(number("other"), 0, "{summary}");
    assert_eq!(number("sent"), number("ok") + number("overflow"));
    assert!(number("p50_us") >= 300_000);
    assert!(number("p99_us") >= number("p50_us"));
    assert!(number("refusal_p50_us") < number("p50_us"));
}

#[tokio::test]
async fn clients_count_what_is_refused_and_what_is_not() {
    assert_part_is_refused(&flood(&[]).await);
}

#[tokio::test]
async fn clients_speak_http2_if_told_to() {
    assert_part_is_refused(&flood(&["--http2"]).await);
}

#[tokio::test]
async fn clients_log_the_user_or_the_failure_and_sum_up() {
    let user = User::start(&["--latency", "1ms"]).await;
    let flags = ["--url", &user.url(), "--clients", "2", "--seconds", "0.2"];
    let output = output("client", &flags).await;
    assert!(output.status.success());
    let printed = text(&output.stdout);
    assert!(printed.contains("client-01  Kevin\n"), "{printed}");
    assert!(printed.contains("client-02  Kevin\n"), "{printed}");
    assert!(printed.contains("\nsucceeded "), "{printed}");

    let missing = user.url().replace("/user", "/nobody");
    let flags = ["--url", &missing, "--clients", "1", "--seconds", "0.05"];
    let output = crate::process::output("client", &flags).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("client-01  failed: 404"));
}

#[tokio::test]
async fn a_url_that_is_not_http_is_refused_as_a_flag() {
    for url in ["https://localhost/user", "localhost:8080", "http://"] {
        let output = output("client", &["--url", url]).await;
        assert_eq!(output.status.code(), Some(2), "{url}");
    }
}

#[tokio::test]
async fn no_clients_and_no_time_that_a_clock_can_count_are_refused_as_flags() {
    for wrong in [
        ["--clients", "0"],
        ["--seconds", "-1"],
        ["--seconds", "1e19"],
        ["--seconds", "NaN"],
    ] {
        for example in ["client", "guide"] {
            let mut flags = wrong.to_vec();
            if example == "client" {
                flags.extend(["--url", "http://localhost/user"]);
            }
            let output = output(example, &flags).await;
            assert_eq!(output.status.code(), Some(2), "{example} {wrong:?}");
            let complaint = text(&output.stderr);
            assert!(complaint.contains(wrong[0]), "{complaint}");
        }
    }
}
