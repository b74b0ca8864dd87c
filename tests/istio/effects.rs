//! What a valid rule does not do here, and what was probably not meant.

use meshpool::istio::{OnFull, Protocol, RuleFile};

use crate::support::{accepted, rule, summary};

const POOL: &str = "spec.trafficPolicy.connectionPool";

#[test]
fn fields_without_effect_are_noted_each_with_its_place() {
    let text = "\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: user}
spec:
  host: user
  exportTo: [\".\"]
  workloadSelector: {matchLabels: {a: b}}
  subsets:
  - {name: v1, labels: {version: v1}, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 9}}}}
  trafficPolicy:
    loadBalancer: {simple: LEAST_REQUEST}
    outlierDetection: {consecutive5xxErrors: 5}
    tls: {mode: ISTIO_MUTUAL}
    retryBudget: {percent: 25}
    tunnel: {targetHost: a, targetPort: 1}
    portLevelSettings:
    - {port: {number: 80}, connectionPool: {tcp: {maxConnections: 9}}}
    connectionPool:
      tcp:
        maxConnections: 2
        connectTimeout: 1s
        tcpKeepalive: {time: 1s}
        idleTimeout: 5s
      http:
        http1MaxPendingRequests: 1
        http2MaxRequests: 3
        maxRetries: 3
        idleTimeout: 7s
        h2UpgradePolicy: DO_NOT_UPGRADE
        useClientProtocol: true
        maxConcurrentStreams: 5
        http2KeepAlive: {interval: 1s, timeout: 1s}
";
    let rule = accepted(text);
    assert_eq!(
        rule.limits().max_requests,
        Some(2),
        "subsets and ports are not applied"
    );
    let found: Vec<_> = rule
        .notices()
        .iter()
        .map(|notice| {
            assert!(notice.message().len() > 20, "{notice}");
            let place = notice.position().unwrap();
            format!(
                "{} {}:{} {}",
                notice.severity(),
                place.line,
                place.column,
                notice.path()
            )
        })
        .collect();
    let policy = "spec.trafficPolicy";
    assert_eq!(
        found,
        [
            "notice 6:13 spec.exportTo".to_owned(),
            "notice 7:21 spec.workloadSelector".to_owned(),
            "notice 9:5 spec.subsets".to_owned(),
            format!("notice 11:19 {policy}.loadBalancer"),
            format!("notice 12:23 {policy}.outlierDetection"),
            format!("notice 13:10 {policy}.tls"),
            format!("notice 14:18 {policy}.retryBudget"),
            format!("notice 15:13 {policy}.tunnel"),
            format!("notice 17:7 {policy}.portLevelSettings"),
            format!("notice 21:25 {POOL}.tcp.connectTimeout"),
            format!("notice 22:23 {POOL}.tcp.tcpKeepalive"),
            format!("notice 23:22 {POOL}.tcp.idleTimeout"),
            format!("notice 26:27 {POOL}.http.http2MaxRequests"),
            format!("notice 27:21 {POOL}.http.maxRetries"),
            format!("notice 29:26 {POOL}.http.h2UpgradePolicy"),
            format!("notice 30:28 {POOL}.http.useClientProtocol"),
            format!("notice 31:31 {POOL}.http.maxConcurrentStreams"),
            format!("notice 32:25 {POOL}.http.http2KeepAlive"),
        ]
    );
}

#[test]
fn doubtful_combinations_are_warned_of() {
    let pending = format!("warning {POOL}.http.http1MaxPendingRequests");
    let no_effect = "without effect: http2MaxRequests (3)";
    for (pool, on_full, path, message) in [
        (
            "http: {http2MaxRequests: 3, http1MaxPendingRequests: 7}",
            OnFull::Refuse,
            &pending,
            no_effect,
        ),
        (
            "http: {http1MaxPendingRequests: 7}",
            OnFull::Wait,
            &pending,
            "no limit on requests is set",
        ),
        (
            "tcp: {maxConnections: 4}",
            OnFull::Refuse,
            &pending,
            "any number of requests may wait for the 4",
        ),
        (
            "tcp: {maxConnections: 4}",
            OnFull::Wait,
            &pending,
            "any number of requests may wait for the 4",
        ),
        (
            "tcp: {maxConnections: 0}",
            OnFull::Refuse,
            &format!("warning {POOL}.tcp.maxConnections"),
            "0 is unset",
        ),
        (
            "http: {http2MaxRequests: 0}",
            OnFull::Refuse,
            &format!("warning {POOL}.http.http2MaxRequests"),
            "0 is unset",
        ),
        (
            "tcp: {idleTimeout: 500us}",
            OnFull::Refuse,
            &format!("warning {POOL}.tcp.idleTimeout"),
            "500µs passes in Istio",
        ),
    ] {
        let file = RuleFile::new("rule.yaml").on_full(on_full);
        let rule = file.parse(rule(pool).as_bytes()).unwrap();
        assert_eq!(summary(rule.notices()), [path.as_str()], "{pool}");
        assert!(
            rule.notices()[0].message().contains(message),
            "{}",
            rule.notices()[0]
        );
    }
}

#[test]
fn of_two_limits_on_the_same_the_looser_has_no_effect() {
    for (pool, noted) in [
        (
            "tcp: {maxConnections: 4}\nhttp: {http2MaxRequests: 3}",
            "tcp.maxConnections",
        ),
        (
            "tcp: {maxConnections: 3}\nhttp: {http2MaxRequests: 3, http1MaxPendingRequests: 7}",
            "http.http2MaxRequests",
        ),
    ] {
        let notices = accepted(rule(pool)).notices().to_vec();
        assert_eq!(summary(&notices), [format!("notice {POOL}.{noted}")]);
        assert!(
            notices[0].message().contains("(3) is met first"),
            "{}",
            notices[0]
        );
    }
    let both = "tcp: {maxConnections: 4}\nhttp: {http2MaxRequests: 3, http1MaxPendingRequests: 7}";
    let notices = accepted(rule(both)).notices().to_vec();
    let expected = [
        format!("notice {POOL}.tcp.maxConnections"),
        format!("warning {POOL}.http.http1MaxPendingRequests"),
    ];
    assert_eq!(summary(&notices), expected);
}

#[test]
fn a_rule_that_means_what_it_says_has_no_notices() {
    for (pool, on_full) in [
        ("http: {http2MaxRequests: 3}", OnFull::Refuse),
        ("http: {http2MaxRequests: 3}", OnFull::Wait),
        (
            "http: {http2MaxRequests: 3, http1MaxPendingRequests: 7}",
            OnFull::Wait,
        ),
        (
            "tcp: {maxConnections: 3}\nhttp: {http1MaxPendingRequests: 7}",
            OnFull::Refuse,
        ),
        (
            "tcp: {maxConnectionDuration: 1h, idleTimeout: 0s}\nhttp: {maxRequestsPerConnection: 9}",
            OnFull::Refuse,
        ),
    ] {
        let file = RuleFile::new("rule.yaml").on_full(on_full);
        let rule = file.parse(rule(pool).as_bytes()).unwrap();
        assert_eq!(summary(rule.notices()), Vec::<String>::new(), "{pool}");
    }
}

#[test]
fn connections_have_no_effect_on_http2() {
    let file = RuleFile::new("rule.yaml").protocol(Protocol::Http2);
    let rule = file
        .parse(rule("tcp: {maxConnections: 4}").as_bytes())
        .unwrap();
    assert_eq!(
        summary(rule.notices()),
        [format!("notice {POOL}.tcp.maxConnections")]
    );
}

#[test]
fn a_second_rule_without_a_pool_is_noted() {
    let idle =
        "---\n{apiVersion: networking.istio.io/v1, kind: DestinationRule, spec: {host: a}}\n";
    let rule = accepted(format!("{}{idle}", rule("http: {http2MaxRequests: 3}")));
    let notice = rule.notices()[0].to_string();
    assert_eq!(
        notice,
        "rule.yaml:11:1: notice: default/(unnamed) (line 11) has no \
         spec.trafficPolicy.connectionPool: it limits nothing"
    );
}
