//! `guide`: the case that the crate grew from.

use std::num::NonZeroU32;
use std::path::Path;

use meshpool::istio::{OnFull, RuleFile};
use serde_json::Value;

use crate::process::{self, json, output, text};

fn number(phase: &Value, field: &str) -> u64 {
    let value = &phase[field];
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{field} is {value}"))
}

// The guide's exit status says that refusals are faster than answers. At this latency that holds on
// a slow machine, too, and the phase has room for some answers one after another.
const TIMES: [&str; 4] = ["--seconds", "1.5", "--latency", "300ms"];

#[tokio::test]
async fn four_phases_go_as_the_guide_says() {
    let flags = [&TIMES[..], &["--json"]].concat();
    let output = output("guide", &flags).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report = json(&output);
    assert_eq!(report.as_object().unwrap().len(), 1);

    let phases = report["phases"].as_array().unwrap();
    let names: Vec<_> = phases.iter().map(|phase| &phase["name"]).collect();
    assert_eq!(names, ["no_rule", "rule", "rule_wait", "deleted"]);
    for phase in phases {
        assert_eq!(phase.as_object().unwrap().len(), 12, "{phase}");
        assert!(number(phase, "sent") > 0);
        assert_eq!(number(phase, "other"), 0);
        assert_eq!(
            number(phase, "sent"),
            number(phase, "ok") + number(phase, "overflow")
        );
        assert!(number(phase, "p50_us") >= 300_000);
        assert!(number(phase, "p99_us") >= number(phase, "p50_us"));
    }
    for free in [&phases[0], &phases[3]] {
        assert_eq!(number(free, "ok"), number(free, "sent"));
        assert_eq!(number(free, "peak_pending"), 0);
        assert!(number(free, "peak_active") > 1);
        assert!(number(free, "max_requests_on_a_connection") > 1);
        assert!(free["refusal_p50_us"].is_null());
    }
    for (limited, peak_pending) in [(&phases[1], 0), (&phases[2], 1)] {
        assert!(number(limited, "ok") > 0);
        assert!(number(limited, "overflow") > 0);
        assert_eq!(number(limited, "peak_active"), 1);
        assert_eq!(number(limited, "peak_pending"), peak_pending);
        assert_eq!(number(limited, "max_requests_on_a_connection"), 1);
        assert_eq!(number(limited, "connections"), number(limited, "sent"));
        assert!(number(limited, "refusal_p50_us") < 300_000);
    }
}

#[tokio::test]
async fn the_log_comes_first_and_then_the_table() {
    let flags = [&TIMES[..], &["--clients", "4"]].concat();
    let output = output("guide", &flags).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let table = printed.rfind("\nsent ").expect("a table");
    let (log, table) = printed.split_at(table);
    for line in [
        "--- no_rule",
        "client-01  Kevin",
        "client-04  Kevin",
        "--- rule:",
        "  failed: 503 overflow: max_requests limit of 1 reached",
        "--- rule_wait",
        "  failed: 503 overflow: max_pending_requests limit of 1 reached",
        "--- deleted",
    ] {
        assert!(log.contains(line), "no {line:?} in {log}");
    }
    for row in [
        "sent",
        "succeeded",
        "overflowed",
        "other failures",
        "peak active",
        "peak waiting",
        "p50 of successes",
        "p99 of successes",
        "p50 of refusals",
        "p99 of refusals",
        "connections used",
        "most requests on one",
    ] {
        assert!(
            table.contains(&format!("\n{row} ")),
            "no {row:?} in {table}"
        );
    }
}

#[tokio::test]
async fn a_rule_that_refuses_nobody_is_told_from_the_guides() {
    let rule = process::RuleFile::with("http: {http2MaxRequests: 100}");
    let path = rule.path();
    let flags = ["--seconds", "0.1", "--json", "--rule", &path];
    let output = output("guide", &flags).await;
    assert_eq!(output.status.code(), Some(1));
    let complaints = text(&output.stderr);
    assert!(
        complaints.contains("rule: nothing overflowed"),
        "{complaints}"
    );
    assert!(!complaints.contains("no_rule:"), "{complaints}");
    assert_eq!(json(&output)["phases"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_rule_that_is_not_valid_ends_the_guide_before_it_begins() {
    let rule = process::RuleFile::with("http: {http2MaxRequests: many}");
    let path = rule.path();
    let output = output("guide", &["--rule", &path]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let complaint = text(&output.stderr);
    assert!(complaint.starts_with(&format!("{path}:4:")), "{complaint}");
    assert!(complaint.contains("http2MaxRequests"), "{complaint}");
}

#[test]
fn the_guides_rule_is_one_request_one_waiting_one_on_a_connection() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/rule.yaml");
    let limits = |on_full| {
        RuleFile::new(&path)
            .on_full(on_full)
            .read()
            .unwrap()
            .limits()
    };
    let refuse = limits(OnFull::Refuse);
    assert_eq!(refuse.max_requests, Some(1));
    assert_eq!(refuse.max_pending_requests, Some(0));
    assert_eq!(refuse.max_requests_per_connection, NonZeroU32::new(1));
    assert_eq!(limits(OnFull::Wait), refuse.max_pending_requests(1));
}
