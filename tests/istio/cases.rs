//! Istio's own results for single rules, each with what this reader makes of it.
//!
//! `data/cases/expected.json` says what Istio's functions decided. `data/table.txt` says, for each
//! case as a rule file, that the outcome here is the same, or in what it differs and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use meshpool::Limits;
use meshpool::istio::{OnFull, Protocol, Rejected, Rule, RuleFile};
use meshpool::limits::{RetryBudget, TcpKeepAlive};
use serde_json::Value;

use crate::expected::{Part, Row, cases, data, table};

/// What becomes of a case here.
#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    /// Valid, and its limits are those of Istio's first check, translated.
    Same,
    /// Valid; Istio states no settings for it.
    Valid,
    /// Valid, and the pool of the policy applies, where Istio's check is about something else.
    Differs,
    /// Valid in Istio, and refused here because there is no top-level pool.
    NoPool,
    /// Refused here because a rule file holds one rule with a pool, whatever Istio decided.
    Several,
    /// Invalid in Istio, and here for errors at these paths.
    Invalid(Vec<String>),
    /// Valid in Istio, and here refused at these paths: the strict reader takes no typos and no
    /// wrong types, as the CRD does.
    Strict(Vec<String>),
}

use Verdict::{Differs, Invalid, NoPool, Same, Several, Strict, Valid};

impl From<Row> for Verdict {
    fn from(row: Row) -> Self {
        // An error of the file as a whole has no path.
        let path = |path: &str| path.replace("(file)", "");
        let paths = |paths: &str| paths.split(", ").map(path).collect();
        match (&*row.verdict, row.more.as_deref()) {
            ("same", None) => Same,
            ("valid", None) => Valid,
            ("different", Some(_)) => Differs,
            ("no pool", None) => NoPool,
            ("several rules", None) => Several,
            ("invalid", Some(at)) => Invalid(paths(at)),
            ("strict", Some(at)) => Strict(paths(at)),
            _ => panic!("{row:?}"),
        }
    }
}

/// The verdicts, by case.
fn verdicts() -> BTreeMap<String, Verdict> {
    let rows = table(Part::RuleFile).into_iter();
    rows.map(|([case, _, compared], row)| {
        assert_eq!(compared, "limits", "{case}");
        (case, row.into())
    })
    .collect()
}

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
    let table = verdicts();
    let rows: BTreeSet<_> = table.keys().map(String::as_str).collect();
    let files: BTreeSet<_> = fs::read_dir(data())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    assert_eq!(rows.len(), 154);
    assert_eq!(known, rows);
    assert_eq!(
        files.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        rows
    );
    let count = |wanted: fn(&Verdict) -> bool| table.values().filter(|row| wanted(row)).count();
    assert_eq!(
        [
            count(|verdict| matches!(verdict, Same)),
            count(|verdict| matches!(verdict, Valid)),
            count(|verdict| matches!(verdict, Differs)),
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
    let verdicts = verdicts();
    let mut wrong = Vec::new();
    for case in cases() {
        let file = case["file"].as_str().unwrap();
        let verdict = &verdicts[file];
        if let Err(found) = check(file, &case, verdict) {
            wrong.push(format!("{file}: {verdict:?}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(file: &str, case: &Value, verdict: &Verdict) -> Result<(), String> {
    let valid_there = case["valid"] == true && case["accepted_by_crd_schema"] == true;
    let read_plain = || read(file, OnFull::Refuse, Protocol::Http);
    let refused_at = |expected: &[String]| match read_plain() {
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
        Differs => {
            agree(valid_there)?;
            if same().is_ok() {
                return Err("it does not differ".to_owned());
            }
            // As the first rule's top-level pool says, which is all that a file's reader looks at.
            let (served, sent) = of_the_pool(file);
            for on_full in [OnFull::Refuse, OnFull::Wait] {
                let found = read(file, on_full, Protocol::Http);
                let found = found.map_err(|rejected| rejected.to_string())?.limits();
                if found != served {
                    return Err(format!("{found:?}, not {served:?}"));
                }
            }
            let read = RuleFile::new(data().join(file)).outbound().read();
            match read.map_err(|rejected| rejected.to_string())?.limits() {
                found if found == sent => Ok(()),
                found => Err(format!("{found:?} where it is sent, not {sent:?}")),
            }
        }
        NoPool => {
            agree(valid_there)?;
            refused_at(&[String::new()])?;
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

/// The limits of a case where a file's pool holds and Istio's check is about something else: for
/// requests that are served, and for those that are sent.
fn of_the_pool(file: &str) -> (Limits, Limits) {
    let connections = |most: u32| {
        let served = Limits::new().max_requests(most);
        (served, Limits::new().max_connections(most))
    };
    match file {
        "102-inbound-portlevel-match.yaml" => connections(1000),
        "128-merge-retrybudget-kept.yaml" => {
            let budget = RetryBudget::new().percent(20.0).min_concurrency(5);
            let sent = Limits::new().max_retries(10).retry_budget(budget);
            (Limits::new(), sent)
        }
        "189-port-level-drops-retrybudget.yaml" => {
            let budget = RetryBudget::new().percent(50.0).min_concurrency(3);
            let served = Limits::new().max_requests(10).max_pending_requests(0);
            let sent = Limits::new().max_requests(10).retry_budget(budget);
            (served, sent)
        }
        "196-subset-cp-replaces-port-level-base.yaml" => connections(1),
        "207-short-name-wrong-namespace.yaml" => connections(3),
        "208-dotted-short-name-not-expanded.yaml" => connections(3),
        "218-selector-does-not-inherit-by-default.yaml" => connections(2),
        "220-default-exportto-private.yaml" => connections(1),
        "226-host-trailing-dot.yaml" => connections(5),
        "227-host-uppercase.yaml" => connections(5),
        other => panic!("nothing is stated of {other}"),
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
    let verdicts = verdicts();
    let mut compared = 0;
    for case in cases() {
        let file = case["file"].as_str().unwrap();
        let check = &case["checks"][0];
        // For requests that are sent, its second rule, a retry budget, is a limit, too.
        let is_one_rule = file != "143-select-backend-policy.yaml";
        if verdicts[file] != Same || check["context"]["direction"] != "outbound" || !is_one_rule {
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
