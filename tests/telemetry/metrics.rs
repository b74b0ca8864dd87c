//! `telemetry::metrics`, as a recorder sees it.

use std::collections::HashMap;

use meshpool::Limits;
use meshpool::istio::rules::Rules;
use meshpool::istio::{RuleFile, Service};
use meshpool::telemetry::metrics::{PoolMetrics, RulesMetrics};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use static_assertions::assert_impl_all;

use crate::support::{pool, send, wait_once};

assert_impl_all!(PoolMetrics: Send, Sync, Unpin, Clone);
assert_impl_all!(RulesMetrics: Send, Sync, Unpin, Clone);

/// All metrics by name and labels, as `name{key=value}`, with what they are.
type Seen = HashMap<String, (DebugValue, Option<metrics::Unit>)>;

fn seen(during: impl FnOnce()) -> Seen {
    let recorder = DebuggingRecorder::new();
    metrics::with_local_recorder(&recorder, during);
    let snapshot = recorder.snapshotter().snapshot().into_vec();
    snapshot
        .into_iter()
        .map(|(key, unit, _, value)| {
            let (_, key) = key.into_parts();
            let labels: Vec<_> = key
                .labels()
                .map(|l| format!("{}={}", l.key(), l.value()))
                .collect();
            (
                format!("{}{{{}}}", key.name(), labels.join(",")),
                (value, unit),
            )
        })
        .collect()
}

fn gauge(seen: &Seen, name: &str) -> f64 {
    match seen[name].0 {
        DebugValue::Gauge(value) => value.into_inner(),
        ref other => panic!("{name} is {other:?}"),
    }
}

fn counter(seen: &Seen, name: &str) -> u64 {
    match seen[name].0 {
        DebugValue::Counter(value) => value,
        ref other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn limits_and_use_are_gauges() {
    let pool = pool(2, 5);
    let _held = send(&pool);
    let seen = seen(|| PoolMetrics::new(pool.clone()).record());
    assert_eq!(gauge(&seen, "meshpool_active_requests{pool=user}"), 1.0);
    assert_eq!(gauge(&seen, "meshpool_pending_requests{pool=user}"), 0.0);
    assert_eq!(gauge(&seen, "meshpool_max_requests{pool=user}"), 2.0);
    assert_eq!(
        gauge(&seen, "meshpool_max_pending_requests{pool=user}"),
        5.0
    );
    assert_eq!(
        gauge(&seen, "meshpool_peak_active_requests{pool=user}"),
        1.0
    );
    assert_eq!(
        gauge(&seen, "meshpool_oldest_waiter_seconds{pool=user}"),
        0.0
    );
}

#[test]
fn unlimited_is_infinite() {
    let pool = pool(2, 5);
    pool.update(Limits::new());
    let seen = seen(|| PoolMetrics::new(pool.clone()).record());
    assert_eq!(
        gauge(&seen, "meshpool_max_requests{pool=user}"),
        f64::INFINITY
    );
}

#[test]
fn counters_are_absolute_and_refusals_have_a_reason() {
    let pool = pool(1, 0);
    let held = send(&pool);
    send(&pool);
    send(&pool);
    drop(held);
    pool.close();
    send(&pool);
    let metrics = PoolMetrics::new(pool.clone());
    let seen = seen(|| {
        metrics.record();
        metrics.record();
    });
    assert_eq!(
        counter(&seen, "meshpool_admitted_requests_total{pool=user}"),
        1
    );
    let overflowed = |reason| {
        let name = format!("meshpool_overflowed_requests_total{{pool=user,reason={reason}}}");
        counter(&seen, &name)
    };
    assert_eq!(overflowed("max_requests"), 2);
    assert_eq!(overflowed("max_pending_requests"), 0);
    assert_eq!(overflowed("closed"), 1);
}

#[test]
fn a_wait_is_recorded_when_it_ends() {
    let seen = seen(|| {
        let pool = pool(1, 1);
        let metrics = PoolMetrics::new(pool.clone());
        send(&pool); // has not to wait
        wait_once(&pool);
        metrics.record();
    });
    let (value, unit) = &seen["meshpool_request_wait_seconds{pool=user}"];
    let DebugValue::Histogram(waits) = value else {
        panic!("{value:?}");
    };
    assert_eq!(waits.len(), 1);
    assert!(waits[0].into_inner() > 0.0);
    assert_eq!(*unit, Some(metrics::Unit::Seconds));
    assert_eq!(
        counter(&seen, "meshpool_queued_requests_total{pool=user}"),
        1
    );
}

#[test]
fn all_that_is_recorded_is_described() {
    let seen = seen(|| {
        let pool = pool(1, 1);
        let metrics = PoolMetrics::new(pool.clone());
        wait_once(&pool);
        metrics.record();
    });
    assert_eq!(
        seen.len(),
        19,
        "the table in the module's docs has 17 rows, one with 3 reasons"
    );
    for (name, (_, unit)) in seen {
        assert!(unit.is_some(), "{name}");
    }
}

#[test]
fn a_pool_that_does_not_count_or_time_does_not_claim_to() {
    let seen = seen(|| {
        let pool = meshpool::InboundPool::builder()
            .limits(Limits::new().max_requests(1).max_pending_requests(1))
            .count_admitted(false)
            .time_waits(false)
            .build();
        wait_once(&pool);
        PoolMetrics::new(pool).record();
    });
    assert!(!seen.contains_key("meshpool_admitted_requests_total{pool=inbound}"));
    assert!(!seen.contains_key("meshpool_request_wait_seconds{pool=inbound}"));
    assert_eq!(
        counter(&seen, "meshpool_queued_requests_total{pool=inbound}"),
        1
    );
}

const RULE: &str = "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: user}, \
                    spec: {host: user, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 1}}}}}";

/// What rules of this name went through: changes, updates, rejects, removals, changed limits.
fn counts(seen: &Seen, name: &str) -> [u64; 5] {
    ["changes", "updates", "rejects", "removals", "limit_changes"].map(|what| {
        counter(
            seen,
            &format!("meshpool_rules_{what}_total{{rules={name}}}"),
        )
    })
}

#[test]
fn rules_tell_how_often_they_changed_what() {
    let rules = Rules::new();
    let mut limits = rules.inbound(Service::new("user").namespace("default"));
    rules.put("user.yaml", RULE).unwrap();
    rules.put("again.yaml", "kind: [").unwrap_err();
    let _ = tokio_test::task::spawn(limits.changed()).poll();
    rules.put("user.yaml", RULE).unwrap();
    rules.remove("user.yaml");
    let seen = seen(|| RulesMetrics::new("mesh", rules.clone()).record());
    assert_eq!(counts(&seen, "mesh"), [3, 2, 1, 1, 1]);
}

#[tokio::test]
async fn a_rule_file_tells_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("user.yaml");
    std::fs::write(&path, RULE).unwrap();
    let mut watch = RuleFile::new(&path).watch().unwrap();
    watch.changed().await;
    std::fs::write(&path, "kind: [").unwrap();
    watch.changed().await;
    std::fs::remove_file(&path).unwrap();
    watch.changed().await;
    let seen = seen(|| RulesMetrics::of_file("file", watch.status()).record());
    assert_eq!(counts(&seen, "file"), [2, 1, 1, 1, 2]);
}
