//! Whatever bytes come, nothing panics, and what is refused says why.

use meshpool::istio::{RuleFile, Severity};
use proptest::prelude::*;

use crate::support::parse;

/// Every field, and most of what YAML can do.
const RICH: &str = "\
%YAML 1.1
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: user, namespace: \"shop\", labels: &l {a: b}}
spec:
  host: user.shop.svc.cluster.local # a comment
  exportTo: ['.']
  subsets: [{name: v1, labels: {<<: *l, c: d}, trafficPolicy: {tls: {}}}]
  trafficPolicy:
    portLevelSettings:
    - port: {number: 80}
      connectionPool: {tcp: {maxConnections: 0x10}}
    connectionPool:
      tcp: &tcp
        maxConnections: 1_000
        connectTimeout: 1m30s
        tcpKeepalive: {probes: 3, time: 1s, interval: 1.5s}
        maxConnectionDuration: >-
          1h
        idleTimeout: |-
          0s
      http:
        http1MaxPendingRequests: !!int \"7\"
        http2MaxRequests: 010
        maxRequestsPerConnection: 1e2
        maxRetries: ~
        idleTimeout: .5s
        h2UpgradePolicy: UPGRADE
        useClientProtocol: off
        maxConcurrentStreams: 5
        http2KeepAlive: {interval: 1s, timeout: 1s}
...
---
kind: List
apiVersion: v1
items: [{kind: Service, apiVersion: v1}]
";

/// Reads it, and checks what holds for every answer.
fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let lines = bytes
        .iter()
        .filter(|byte| matches!(byte, b'\n' | b'\r'))
        .count() as u32;
    let (problems, refused) = match parse(bytes) {
        Ok(rule) => (rule.notices().to_vec(), false),
        Err(rejected) => (rejected.problems().to_vec(), true),
    };
    let errors = problems
        .iter()
        .filter(|problem| problem.severity() == Severity::Error)
        .count();
    prop_assert_eq!(errors > 0, refused);
    for problem in problems {
        prop_assert!(problem.to_string().lines().count() == 1, "{}", problem);
        if let Some(position) = problem.position() {
            // A text that ends in the middle of something may fail on the line after its last.
            prop_assert!((1..=lines + 2).contains(&position.line), "{}", problem);
            prop_assert!(position.column >= 1);
        }
    }
    Ok(())
}

#[test]
fn the_rich_rule_is_valid() {
    let rule = RuleFile::new("rule.yaml").parse(RICH.as_bytes());
    let rule = rule.unwrap_or_else(|rejected| panic!("{rejected}"));
    assert_eq!(rule.limits().max_requests, Some(8));
    assert_eq!(
        rule.limits().max_requests_per_connection.unwrap().get(),
        100
    );
}

#[test]
fn every_beginning_of_a_rule_is_answered() {
    for end in 0..RICH.len() {
        check(&RICH.as_bytes()[..end]).unwrap();
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_answered(bytes: Vec<u8>) {
        check(&bytes)?;
    }

    #[test]
    fn arbitrary_yaml_like_text_is_answered(text in "[a-c0-9 \n\t:,?*&!|>%@'\"#{}\\[\\]<~.-]{0,200}") {
        check(text.as_bytes())?;
    }

    #[test]
    fn a_mutated_rule_is_answered(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..40usize), 0..4),
        inserts in prop::collection::vec(
            (any::<prop::sample::Index>(), "[ -~\n]{0,6}|- |\\? |: |\\{|\\[|\\*l|&x |<<: "), 0..6),
    ) {
        let mut bytes = RICH.as_bytes().to_vec();
        for (at, length) in cuts {
            let start = at.index(bytes.len());
            let end = (start + length).min(bytes.len());
            bytes.drain(start..end);
        }
        for (at, text) in inserts {
            let at = at.index(bytes.len());
            bytes.splice(at..at, text.bytes());
        }
        check(&bytes)?;
    }
}
