//! Istio's own results for single rules, each with what this reader makes of it.
//!
//! `data/cases/expected.json` says what Istio's functions decided. The table says, for each case,
//! that the outcome here is the same, or in what it differs and why. There is a row for each file.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use meshpool::Limits;
use meshpool::istio::{OnFull, Protocol, Rejected, Rule, RuleFile};
use meshpool::limits::{RetryBudget, TcpKeepAlive};
use serde_json::Value;

use crate::expected::{cases, data};

/// What becomes of a case here.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// Valid, and its limits are those of Istio's first check, translated.
    Same,
    /// Valid; Istio states no settings for it.
    Valid,
    /// Valid, and the pool of the policy applies, where Istio's check is about something else.
    Differs(&'static str),
    /// Valid in Istio, and refused here because there is no top-level pool.
    NoPool,
    /// Refused here because a rule file holds one rule with a pool, whatever Istio decided.
    Several,
    /// Invalid in Istio, and here for errors at these paths.
    Invalid(&'static [&'static str]),
    /// Valid in Istio, and here refused at these paths: the strict reader takes no typos and no
    /// wrong types, as the CRD does.
    Strict(&'static [&'static str]),
}

use Verdict::{Differs, Invalid, NoPool, Same, Several, Strict, Valid};

#[rustfmt::skip]
const TABLE: &[(&str, Verdict)] = &[
    ("003-validate-cp-http-only.yaml", Same),
    ("004-validate-cp-http-only-no-idle.yaml", Same),
    ("005-validate-cp-http2-keepalive.yaml", Same),
    ("007-validate-cp-neg-max-connections.yaml", Invalid(&["spec.trafficPolicy.connectionPool.tcp.maxConnections"])),
    ("010-validate-cp-neg-requests.yaml", Invalid(&["spec.trafficPolicy.connectionPool.http.http2MaxRequests"])),
    ("011-validate-cp-neg-reqs-per-conn.yaml", Invalid(&["spec.trafficPolicy.connectionPool.http.maxRequestsPerConnection"])),
    ("012-validate-cp-neg-retries.yaml", Invalid(&["spec.trafficPolicy.connectionPool.http.maxRetries"])),
    ("013-validate-cp-http-idle-subms.yaml", Invalid(&["spec.trafficPolicy.connectionPool.http.idleTimeout"])),
    ("014-validate-cp-tcp-idle-zero.yaml", Same),
    ("015-validate-cp-neg-streams.yaml", Invalid(&["spec.trafficPolicy.connectionPool.http.maxConcurrentStreams"])),
    ("016-validate-cp-h2ka-no-interval.yaml", Invalid(&["spec.trafficPolicy.connectionPool.http.http2KeepAlive.interval"])),
    ("017-validate-cp-h2ka-no-timeout.yaml", Invalid(&["spec.trafficPolicy.connectionPool.http.http2KeepAlive.timeout"])),
    ("018-validate-cp-h2ka-subms.yaml", Invalid(&["spec.trafficPolicy.connectionPool.http.http2KeepAlive.interval"])),
    ("019-validate-tp-ok.yaml", Same),
    ("020-validate-tp-nil.yaml", Invalid(&["spec.trafficPolicy"])),
    ("021-validate-tp-port-missing.yaml", Invalid(&["spec.trafficPolicy.portLevelSettings[0].port"])),
    ("022-validate-tp-empty-cp.yaml", Invalid(&["spec.trafficPolicy.connectionPool"])),
    ("023-validate-tp-max-conn-duration-500ns.yaml", Invalid(&["spec.trafficPolicy.connectionPool.tcp.maxConnectionDuration"])),
    ("025-validate-tp-upgrade-and-client-protocol.yaml", Invalid(&["spec.trafficPolicy.connectionPool.http.useClientProtocol"])),
    ("026-validate-dr-simple.yaml", NoPool),
    ("027-validate-dr-empty-selector.yaml", NoPool),
    ("028-validate-dr-no-host.yaml", Invalid(&["spec.host"])),
    ("029-validate-dr-subset-no-name.yaml", Invalid(&["spec.subsets[0].name"])),
    ("030-validate-dr-subset-dup.yaml", Invalid(&["spec.subsets[1].name"])),
    ("033-validate-dr-tp-subset.yaml", NoPool),
    ("034-validate-dr-tp-subset-bad.yaml", Invalid(&["spec.subsets[0].trafficPolicy.connectionPool"])),
    ("035-validate-dr-tp-both.yaml", Same),
    ("038-validate-od-base-subms.yaml", Invalid(&["spec.trafficPolicy.outlierDetection.baseEjectionTime"])),
    ("039-validate-od-eject-105.yaml", Invalid(&["spec.trafficPolicy.outlierDetection.maxEjectionPercent"])),
    ("040-validate-od-panic-low.yaml", Invalid(&["spec.trafficPolicy.outlierDetection.minHealthPercent"])),
    ("041-validate-od-panic-high.yaml", Invalid(&["spec.trafficPolicy.outlierDetection.minHealthPercent"])),
    ("042-validate-od-consecutive-errors.yaml", NoPool),
    ("043-validate-od-local-origin-without-split.yaml", Invalid(&["spec.trafficPolicy.outlierDetection.consecutiveLocalOriginFailures"])),
    ("044-validate-exportto-empty.yaml", Valid),
    ("046-validate-exportto-dot-ns1.yaml", Valid),
    ("047-validate-exportto-bunch.yaml", Valid),
    ("048-validate-exportto-tilde.yaml", Invalid(&["spec.exportTo[0]"])),
    ("049-validate-exportto-dot-star.yaml", Invalid(&["spec.exportTo"])),
    ("050-validate-exportto-star-ns1.yaml", Invalid(&["spec.exportTo"])),
    ("051-validate-exportto-dot-same.yaml", Invalid(&["spec.exportTo[1]"])),
    ("052-validate-exportto-dup.yaml", Invalid(&["spec.exportTo[2]"])),
    ("053-validate-exportto-invalid.yaml", Invalid(&["spec.exportTo[0]"])),
    ("055-validate-exportto-sel-dot.yaml", Valid),
    ("056-validate-exportto-sel-other.yaml", Invalid(&["spec.exportTo"])),
    ("058-validate-host-empty.yaml", Invalid(&["spec.host"])),
    ("059-validate-host-too-long.yaml", Invalid(&["spec.host"])),
    ("060-validate-host-happy.yaml", Valid),
    ("062-validate-host-multi.yaml", Valid),
    ("063-validate-host-single.yaml", Valid),
    ("066-validate-host-bad-mid.yaml", Invalid(&["spec.host"])),
    ("069-validate-duration-1s.yaml", Valid),
    ("071-validate-duration-neg.yaml", Invalid(&["spec.trafficPolicy.connectionPool.tcp.connectTimeout"])),
    ("075-validate-meshdefault-empty-cp.yaml", Invalid(&["spec.defaultTrafficPolicy.connectionPool"])),
    ("078-validate-sidecar-top.yaml", NoPool),
    ("079-validate-sidecar-port-and-top.yaml", NoPool),
    ("080-validate-sidecar-port.yaml", NoPool),
    ("081-validate-sidecar-http-on-tcp.yaml", NoPool),
    ("082-validate-sidecar-empty-top.yaml", Invalid(&["spec.inboundConnectionPool"])),
    ("083-validate-sidecar-empty-port.yaml", Invalid(&["spec.ingress[0].connectionPool"])),
    ("084-apply-cp-idle.yaml", Same),
    ("085-apply-cp-tcp-idle.yaml", Same),
    ("086-apply-cp-http-idle-wins.yaml", Same),
    ("087-apply-cp-mrpc.yaml", Same),
    ("088-apply-cp-multi.yaml", Same),
    ("089-apply-cp-rb-default.yaml", Same),
    ("090-apply-cp-rb.yaml", Same),
    ("091-apply-keepalive-dr.yaml", Same),
    ("093-keepalive-subset-port-override.yaml", NoPool),
    ("095-keepalive-unset.yaml", NoPool),
    ("096-inbound-none.yaml", NoPool),
    ("099-inbound-sidecar-over-dr.yaml", Same),
    ("100-inbound-port-over-top.yaml", NoPool),
    ("102-inbound-portlevel-match.yaml", Differs("port level")),
    ("103-inbound-portlevel-nomatch.yaml", Same),
    ("104-no-rule-defaults.yaml", NoPool),
    ("106-meshdefault-dr-overrides-cp.yaml", Same),
    ("107-meshdefault-dr-both.yaml", Same),
    ("108-meshdefault-cp-only-dr-outlier.yaml", NoPool),
    ("113-adr-h2-keepalive.yaml", Same),
    ("115-h2upgrade-mesh-up-dr-default.yaml", Same),
    ("116-h2upgrade-nonhttp-dr-up.yaml", Same),
    ("117-h2upgrade-mesh-no-dr-default.yaml", Same),
    ("119-h2upgrade-mesh-up-dr-no.yaml", Same),
    ("120-h2upgrade-mesh-up-client-protocol.yaml", Same),
    ("121-h2upgrade-nonhttp-mesh-up.yaml", Same),
    ("122-merge-no-subset-policy.yaml", Same),
    ("123-merge-no-parent.yaml", NoPool),
    ("124-merge-nonconflicting.yaml", NoPool),
    ("125-merge-subset-overrides-tls-keeps-cp.yaml", Same),
    ("127-merge-port-both-levels.yaml", NoPool),
    ("128-merge-retrybudget-kept.yaml", Differs("subset")),
    ("129-merge-retrybudget-overridden.yaml", NoPool),
    ("130-outlier-empty.yaml", NoPool),
    ("131-outlier-both.yaml", NoPool),
    ("132-outlier-gw.yaml", NoPool),
    ("133-outlier-5xx.yaml", NoPool),
    ("134-outlier-gw0.yaml", NoPool),
    ("137-outlier-panic-default.yaml", NoPool),
    ("138-outlier-error-codes.yaml", NoPool),
    ("141-select-workload-selector.yaml", Invalid(&["spec.exportTo", "", "spec.exportTo", "", "spec.exportTo", ""])),
    ("142-select-merge-subsets.yaml", NoPool),
    ("143-select-backend-policy.yaml", Same),
    ("144-select-exportto-matrix.yaml", Invalid(&["spec.exportTo"])),
    ("145-grpc-no-cp.yaml", NoPool),
    ("146-grpc-no-max.yaml", Valid),
    ("148-grpc-tcp-only.yaml", Valid),
    ("149-grpc-others-ignored.yaml", Valid),
    ("165-api-v1beta1.yaml", Same),
    ("166-api-v1alpha3.yaml", Same),
    ("167-zero-means-unlimited.yaml", Same),
    ("168-empty-http-block.yaml", Same),
    ("171-tcp-idle-1500us-rejected.yaml", Invalid(&["spec.trafficPolicy.connectionPool.tcp.idleTimeout"])),
    ("173-http-idle-zero-rejected.yaml", Invalid(&["spec.trafficPolicy.connectionPool.http.idleTimeout"])),
    ("174-tcp-idle-zero-applies-to-http.yaml", Same),
    ("176-keepalive-fieldwise-mesh-merge.yaml", Same),
    ("177-duration-forms.yaml", Same),
    ("178-duration-no-unit.yaml", Invalid(&["spec.trafficPolicy.connectionPool.tcp.connectTimeout"])),
    ("179-duration-days.yaml", Invalid(&["spec.trafficPolicy.connectionPool.tcp.maxConnectionDuration"])),
    ("181-int-as-string.yaml", Strict(&["spec.trafficPolicy.connectionPool.tcp.maxConnections"])),
    ("184-int-fraction.yaml", Invalid(&["spec.trafficPolicy.connectionPool.tcp.maxConnections"])),
    ("186-unknown-field.yaml", Strict(&["spec.trafficPolicy.connectionPool.tcp.maxConnection"])),
    ("188-enum-lowercase.yaml", Invalid(&["spec.trafficPolicy.connectionPool.http.h2UpgradePolicy"])),
    ("189-port-level-drops-retrybudget.yaml", Differs("port level")),
    ("191-port-level-duplicate-first-wins.yaml", NoPool),
    ("193-port-level-empty.yaml", Invalid(&["spec.trafficPolicy.portLevelSettings[0]"])),
    ("194-port-level-list-empty.yaml", Invalid(&["spec.trafficPolicy"])),
    ("195-port-level-warning-lost.yaml", NoPool),
    ("196-subset-cp-replaces-port-level-base.yaml", Differs("subset")),
    ("198-meshdefault-lost-on-subset-port-level.yaml", NoPool),
    ("200-retrybudget-percent-zero.yaml", NoPool),
    ("201-retrybudget-with-maxretries.yaml", Same),
    ("202-streams-ignored-with-client-protocol.yaml", Same),
    ("205-inbound-ignores-subsets.yaml", NoPool),
    ("206-inbound-ignores-workload-selector.yaml", Same),
    ("207-short-name-wrong-namespace.yaml", Differs("another host")),
    ("208-dotted-short-name-not-expanded.yaml", Differs("another host")),
    ("209-client-wildcard-shadows-service-specific.yaml", Several),
    ("210-wildcard-most-specific.yaml", Several),
    ("211-exportto-filter-no-fallback-to-wildcard.yaml", Several),
    ("212-same-exportto-oldest-policy-wins.yaml", Several),
    ("213-policy-blocks-not-merged.yaml", Same),
    ("214-different-exportto-newest-wins.yaml", Several),
    ("216-superset-exportto-loses-visibility.yaml", Several),
    ("217-selector-inherits-when-exportto-dot.yaml", Same),
    ("218-selector-does-not-inherit-by-default.yaml", Differs("another rule")),
    ("220-default-exportto-private.yaml", Differs("another namespace")),
    ("221-yaml-tilde-is-null.yaml", Invalid(&["spec.exportTo[0]"])),
    ("222-null-blocks.yaml", Same),
    ("223-all-fields.yaml", Same),
    ("225-host-ip.yaml", Invalid(&["spec.host"])),
    ("226-host-trailing-dot.yaml", Differs("another host")),
    ("227-host-uppercase.yaml", Differs("another host")),
    ("228-tunnel-and-proxy-protocol.yaml", Invalid(&["spec.trafficPolicy.proxyProtocol", "spec.trafficPolicy.connectionPool"])),
    ("229-mesh-h2keepalive-unvalidated.yaml", NoPool),
];

fn read(file: &str, on_full: OnFull, protocol: Protocol) -> Result<Rule, Rejected> {
    RuleFile::new(data().join(file))
        .on_full(on_full)
        .protocol(protocol)
        .read()
}

#[test]
fn each_case_has_a_row_and_each_row_a_case() {
    let cases = cases();
    let known: BTreeSet<_> = cases
        .iter()
        .map(|case| case["file"].as_str().unwrap())
        .collect();
    let rows: BTreeSet<_> = TABLE.iter().map(|(file, _)| *file).collect();
    let files: BTreeSet<_> = fs::read_dir(data())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    assert_eq!(rows.len(), TABLE.len());
    assert_eq!(known, rows);
    assert_eq!(
        files.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        rows
    );
    let count = |wanted: fn(&Verdict) -> bool| TABLE.iter().filter(|row| wanted(&row.1)).count();
    assert_eq!(
        [
            count(|verdict| matches!(verdict, Same)),
            count(|verdict| matches!(verdict, Valid)),
            count(|verdict| matches!(verdict, Differs(_))),
            count(|verdict| matches!(verdict, NoPool)),
            count(|verdict| matches!(verdict, Several)),
            count(|verdict| matches!(verdict, Invalid(_))),
            count(|verdict| matches!(verdict, Strict(_))),
        ],
        [42, 11, 10, 33, 6, 50, 2]
    );
}

#[test]
fn each_case_comes_out_as_its_row_says() {
    let mut wrong = Vec::new();
    for case in cases() {
        let file = case["file"].as_str().unwrap();
        let (_, verdict) = TABLE.iter().find(|(name, _)| *name == file).unwrap();
        if let Err(found) = check(file, &case, *verdict) {
            wrong.push(format!("{file}: {verdict:?}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(file: &str, case: &Value, verdict: Verdict) -> Result<(), String> {
    let valid_there = case["valid"] == true && case["accepted_by_crd_schema"] == true;
    let read_plain = || read(file, OnFull::Refuse, Protocol::Http);
    let refused_at = |expected: &[&str]| match read_plain() {
        Ok(_) => Err("it is accepted".to_owned()),
        Err(rejected) => match rejected
            .errors()
            .map(|error| error.path())
            .collect::<Vec<_>>()
        {
            paths if paths == expected => Ok(()),
            paths => Err(format!("it is refused at {paths:?}")),
        },
    };
    let agree = |yes: bool| {
        if yes {
            Ok(())
        } else {
            Err("Istio decided otherwise".to_owned())
        }
    };
    let same = || {
        for on_full in [OnFull::Refuse, OnFull::Wait] {
            let (protocol, limits) = translated(&case["checks"][0], on_full);
            let found = read(file, on_full, protocol).map_err(|rejected| rejected.to_string())?;
            if found.limits() != limits {
                return Err(format!("{:?}, not {limits:?}", found.limits()));
            }
        }
        Ok(())
    };
    match verdict {
        Same => agree(valid_there).and_then(|()| same()),
        Valid => {
            agree(valid_there && case["checks"].as_array().unwrap().is_empty())?;
            read_plain()
                .map(drop)
                .map_err(|rejected| rejected.to_string())
        }
        Differs(_) => {
            agree(valid_there)?;
            read_plain().map_err(|rejected| rejected.to_string())?;
            if same().is_ok() {
                Err("it does not differ".to_owned())
            } else {
                Ok(())
            }
        }
        NoPool => {
            agree(valid_there)?;
            refused_at(&[""])?;
            let text = read_plain().unwrap_err().to_string();
            if text.contains("nothing to enforce") {
                Ok(())
            } else {
                Err(text)
            }
        }
        Several => match read_plain() {
            Ok(_) => Err("it is accepted".to_owned()),
            Err(rejected) => match rejected
                .errors()
                .find(|error| !error.message().contains("is a second rule"))
            {
                None => Ok(()),
                Some(other) => Err(other.to_string()),
            },
        },
        Invalid(paths) => agree(case["valid"] == false).and_then(|()| refused_at(paths)),
        Strict(paths) => {
            let pruned = case["docs"]
                .as_array()
                .unwrap()
                .iter()
                .any(|document| !document["crd_pruned"].as_array().unwrap().is_empty());
            agree(case["valid"] == true && (!valid_there || pruned))?;
            refused_at(paths)
        }
    }
}

/// The limits for requests that are sent: what Istio states, name by name.
fn translated_outbound(expect: &Value) -> Limits {
    let thresholds = &expect["thresholds"];
    let threshold = |name: &str| limit(thresholds[name].as_u64().unwrap());
    let budget = thresholds["retry_budget"].as_object().map(|budget| {
        RetryBudget::new()
            .percent(budget["budget_percent"].as_f64().unwrap())
            .min_concurrency(limit(budget["min_retry_concurrency"].as_u64().unwrap()).unwrap())
    });
    let streams = &expect["http_protocol_options"]["h2_max_concurrent_streams"];
    let pings = &expect["http_protocol_options"]["h2_keepalive"];
    on_connections(expect)
        .max_connections(threshold("max_connections"))
        .max_pending_requests(threshold("max_pending_requests"))
        .max_requests(threshold("max_requests"))
        .max_retries(threshold("max_retries"))
        .retry_budget(budget)
        .max_concurrent_streams(streams.as_u64().and_then(limit))
        .http2_keep_alive(pings.as_object().map(|pings| {
            let time = |name: &str| duration(pings[name].as_str().unwrap());
            (time("interval"), time("timeout"))
        }))
        .tcp_keep_alive(expect["tcp_keepalive"].as_object().map(|keep_alive| {
            let number = |name: &str| keep_alive.get(name).and_then(Value::as_u64);
            let time = |name: &str| number(name).map(Duration::from_secs);
            TcpKeepAlive::new()
                .time(time("time_s"))
                .interval(time("interval_s"))
                .probes(number("probes").and_then(limit))
        }))
}

#[test]
fn for_requests_that_are_sent_the_limits_are_those_that_istio_states() {
    let mut compared = 0;
    for case in cases() {
        let file = case["file"].as_str().unwrap();
        let (_, verdict) = TABLE.iter().find(|(name, _)| *name == file).unwrap();
        let check = &case["checks"][0];
        // For requests that are sent, its second rule, a retry budget, is a limit, too.
        let is_one_rule = file != "143-select-backend-policy.yaml";
        if *verdict != Same || check["context"]["direction"] != "outbound" || !is_one_rule {
            continue;
        }
        let read = RuleFile::new(data().join(file)).outbound().read();
        let mut found = read.unwrap().limits();
        // Istio states none of these: the first is not in the data, the others only on HTTP/2.
        found.connect_timeout = None;
        if check["expect"]["http_protocol_options"]["upstream_protocol"] != "explicit_http2" {
            found.max_concurrent_streams = None;
            found = found.http2_keep_alive(None);
        }
        let mut expected = translated_outbound(&check["expect"]);
        // There the mesh has the rest, and a rule's file stands for itself.
        if file == "176-keepalive-fieldwise-mesh-merge.yaml" {
            expected = expected.tcp_keep_alive(TcpKeepAlive::new().probes(3));
        }
        assert_eq!(found, expected, "{file}");
        compared += 1;
    }
    assert_eq!(compared, 40);
}

/// The limits that follow from the settings that Istio states: M, R and P are its thresholds.
fn translated(check: &Value, on_full: OnFull) -> (Protocol, Limits) {
    let protocol = match check["context"]["protocol"].as_str().unwrap() {
        "HTTP2" | "GRPC" => Protocol::Http2,
        _ => Protocol::Http,
    };
    let expect = &check["expect"];
    let threshold = |name: &str| expect["thresholds"][name].as_u64().unwrap();
    let m = if protocol == Protocol::Http2 {
        u64::from(u32::MAX)
    } else {
        threshold("max_connections")
    };
    let (r, p) = (threshold("max_requests"), threshold("max_pending_requests"));
    let places = match on_full {
        OnFull::Wait if limit(p).is_some() => limit(p),
        _ if m <= r => limit(p),
        _ => Some(0),
    };
    let limits = on_connections(expect)
        .max_requests(limit(m.min(r)))
        .max_pending_requests(places);
    (protocol, limits)
}

/// The limits on each connection, which are the same in both directions.
fn on_connections(expect: &Value) -> Limits {
    let options = &expect["http_protocol_options"];
    let time = |name: &str| {
        options[name]
            .as_str()
            .map(duration)
            .filter(|time| !time.is_zero())
    };
    let per_connection = options["max_requests_per_connection"].as_u64();
    Limits::new()
        .max_requests_per_connection(per_connection.and_then(limit))
        .idle_timeout(time("idle_timeout"))
        .max_connection_duration(time("max_connection_duration"))
}

fn limit(number: u64) -> Option<u32> {
    let number = u32::try_from(number).ok()?;
    (number != u32::MAX).then_some(number)
}

/// The forms that occur in the data.
fn duration(text: &str) -> Duration {
    if let Some(millis) = text.strip_suffix("ms") {
        return Duration::from_millis(millis.parse().unwrap());
    }
    let mut seconds = 0;
    let mut number = 0;
    for c in text.chars() {
        match c {
            'h' => seconds += std::mem::take(&mut number) * 3600,
            'm' => seconds += std::mem::take(&mut number) * 60,
            's' => seconds += std::mem::take(&mut number),
            digit => number = number * 10 + u64::from(digit.to_digit(10).unwrap()),
        }
    }
    assert_eq!(number, 0, "{text}");
    Duration::from_secs(seconds)
}
