//! The rule for the requests that a process sends.

use std::num::NonZeroU32;
use std::time::Duration;

use meshpool::Limits;
use meshpool::istio::{Rule, RuleFile};
use meshpool::limits::{RetryBudget, TcpKeepAlive};

use crate::support::{error, rule, summary};

const POLICY: &str = "spec.trafficPolicy";

fn outbound(text: &str) -> Rule {
    let file = RuleFile::new("rule.yaml").outbound();
    file.parse(text.as_bytes())
        .unwrap_or_else(|rejected| panic!("refused:\n{rejected}"))
}

/// A rule with this under `trafficPolicy:`, in one line.
fn policy(policy: &str) -> String {
    format!(
        "{{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {{name: user}}, \
         spec: {{host: user, trafficPolicy: {policy}}}}}"
    )
}

#[test]
fn each_limit_is_the_one_of_the_same_name() {
    let rule = outbound(&rule(
        "tcp:\n  maxConnections: 2\n  connectTimeout: 250ms\n  maxConnectionDuration: 1h\n\
         http:\n  http1MaxPendingRequests: 3\n  http2MaxRequests: 5\n  maxRetries: 7\n\
         \x20 maxRequestsPerConnection: 11\n  maxConcurrentStreams: 13\n  idleTimeout: 30s",
    ));
    let expected = Limits::new()
        .max_connections(2)
        .connect_timeout(Duration::from_millis(250))
        .max_connection_duration(Duration::from_secs(3600))
        .max_pending_requests(3)
        .max_requests(5)
        .max_retries(7)
        .max_requests_per_connection(11)
        .max_concurrent_streams(13)
        .idle_timeout(Duration::from_secs(30));
    assert_eq!(rule.limits(), expected);
    assert_eq!(summary(rule.notices()), [""; 0]);
}

#[test]
fn zero_is_unset_and_says_so() {
    let rule = outbound(&rule(
        "tcp: {maxConnections: 0}\nhttp: {maxRetries: 0, maxConcurrentStreams: 0}",
    ));
    assert_eq!(rule.limits(), Limits::new());
    let pool = "warning spec.trafficPolicy.connectionPool";
    assert_eq!(
        summary(rule.notices()),
        [
            format!("{pool}.tcp.maxConnections"),
            format!("{pool}.http.maxRetries"),
            format!("{pool}.http.maxConcurrentStreams"),
        ]
    );
}

#[test]
fn a_retry_budget_alone_is_enough() {
    let text = policy("{retryBudget: {percent: 12.5, minRetryConcurrency: 0}}");
    let budget = RetryBudget::new().percent(12.5);
    assert_eq!(outbound(&text).limits(), Limits::new().retry_budget(budget));
    // It limits nothing that is served.
    assert!(error(&text).contains("nothing to enforce"));
}

#[test]
fn a_retry_budget_of_no_percent_leaves_the_minimum() {
    let text = policy("{retryBudget: {percent: 0, minRetryConcurrency: 2}}");
    let budget = outbound(&text).limits().retry_budget.unwrap();
    assert_eq!(budget.retries_for(1_000_000), 2);
}

#[test]
fn pings_are_those_of_the_rule() {
    let text =
        policy("{connectionPool: {http: {http2KeepAlive: {interval: 30s, timeout: 500ms}}}}");
    let rule = outbound(&text);
    let pings = (Duration::from_secs(30), Duration::from_millis(500));
    assert_eq!(rule.limits(), Limits::new().http2_keep_alive(pings));
    assert_eq!(summary(rule.notices()), Vec::<String>::new());
}

#[test]
fn the_keep_alive_is_that_of_the_rule() {
    let text =
        policy("{connectionPool: {tcp: {tcpKeepalive: {time: 90s, interval: 1500ms, probes: 3}}}}");
    let rule = outbound(&text);
    let keep_alive = TcpKeepAlive::new()
        .time(Duration::from_secs(90))
        .interval(Duration::from_secs(1))
        .probes(3);
    assert_eq!(rule.limits(), Limits::new().tcp_keep_alive(keep_alive));
    let path = format!("{POLICY}.connectionPool.tcp.tcpKeepalive.interval");
    assert_eq!(summary(rule.notices()), [format!("warning {path}")]);
}

#[test]
fn a_keep_alive_that_is_only_there_is_the_systems() {
    let rule = outbound(&policy("{connectionPool: {tcp: {tcpKeepalive: {}}}}"));
    assert_eq!(rule.limits().tcp_keep_alive, Some(TcpKeepAlive::new()));
}

#[test]
fn a_time_of_less_than_a_second_turns_the_keep_alive_off_and_is_warned_of() {
    let text = policy("{connectionPool: {tcp: {tcpKeepalive: {time: 500ms, probes: 0}}}}");
    let rule = outbound(&text);
    assert!(rule.limits().tcp_keep_alive.unwrap().is_off());
    let warned = ["time", "probes"]
        .map(|field| format!("warning {POLICY}.connectionPool.tcp.tcpKeepalive.{field}"));
    assert_eq!(summary(rule.notices()), warned);
}

#[test]
fn what_has_no_effect_is_noted() {
    let text = policy(
        "{retryBudget: {budgetInterval: 10s}, connectionPool: \
         {tcp: {idleTimeout: 1s}, \
         http: {maxRetries: 3, h2UpgradePolicy: DEFAULT, useClientProtocol: true, \
         maxConcurrentStreams: 5, idleTimeout: 2s, \
         http2KeepAlive: {interval: 1s, timeout: 1s}}}}",
    );
    let rule = outbound(&text);
    let mut found = summary(rule.notices());
    let mut expected = [
        "retryBudget.budgetInterval",
        "connectionPool.tcp.idleTimeout",
        "connectionPool.http.maxRetries",
        "connectionPool.http.h2UpgradePolicy",
        "connectionPool.http.useClientProtocol",
        "connectionPool.http.maxConcurrentStreams",
        "connectionPool.http.http2KeepAlive",
    ]
    .map(|field| format!("notice {POLICY}.{field}"));
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(rule.limits().max_concurrent_streams, None);
    assert_eq!(rule.limits().idle_timeout, Some(Duration::from_secs(2)));
}

#[test]
fn streams_are_limited_unless_the_clients_protocol_is_used() {
    let text = policy("{connectionPool: {http: {maxConcurrentStreams: 5}}}");
    let limits = outbound(&text).limits();
    assert_eq!(limits.max_concurrent_streams, NonZeroU32::new(5));
}

#[test]
fn a_percentage_is_a_number_from_0_to_100() {
    let of = |percent: &str| error(policy(&format!("{{retryBudget: {{percent: {percent}}}}}")));
    assert_eq!(
        of("120"),
        "rule.yaml:1:143: error: spec.trafficPolicy.retryBudget.percent: 120 is no percentage: \
         expected 0 to 100"
    );
    assert!(of("-1").contains("expected 0 to 100"));
    assert!(
        of(".nan").contains("expected a finite number"),
        "{}",
        of(".nan")
    );
    assert!(of("'20'").contains("expected a number (remove the quotes)"));
    assert!(of("twenty").contains("expected a number, found the string `twenty`"));
}

#[test]
fn an_unknown_field_of_a_budget_is_named() {
    let text = policy("{retryBudget: {percents: 20}}");
    assert!(error(text).contains("unknown field `percents`, did you mean `percent`?"));
}
