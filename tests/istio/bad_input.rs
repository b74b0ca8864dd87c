//! Each kind of bad input: the file, the line, the field, the value, and what would be right.

use std::fs;

use meshpool::istio::RuleFile;

use crate::support::{error, errors, rule};

const POOL: &str = "spec.trafficPolicy.connectionPool";

#[test]
fn an_unknown_field_is_refused_with_the_nearest_name() {
    assert_eq!(
        error(rule("http:\n  http2MaxRequest: 1")),
        format!(
            "rule.yaml:10:9: error: {POOL}.http.http2MaxRequest: unknown field \
             `http2MaxRequest`, did you mean `http2MaxRequests`?"
        )
    );
}

#[test]
fn unknown_fields_are_found_at_every_level() {
    for (text, place, field, meant) in [
        (
            "kind: DestinationRule\napiVersion: networking.istio.io/v1\nspecs: {}\n",
            "3:1",
            "specs",
            "spec",
        ),
        (
            "kind: DestinationRule\napiVersion: networking.istio.io/v1\nspec:\n  host: a\n  trafficpolicy: {}\n",
            "5:3",
            "spec.trafficpolicy",
            "trafficPolicy",
        ),
        (
            "kind: DestinationRule\napiVersion: networking.istio.io/v1\nspec:\n  host: a\n  trafficPolicy:\n    connection_pool: {}\n",
            "6:5",
            "spec.trafficPolicy.connection_pool",
            "connectionPool",
        ),
        (
            "kind: DestinationRule\napiVersion: networking.istio.io/v1\nspec:\n  host: a\n  subsets:\n  - nam: a\n",
            "6:5",
            "spec.subsets[0].nam",
            "name",
        ),
        (
            "kind: DestinationRule\napiVersion: networking.istio.io/v1\nspec:\n  host: a\n  trafficPolicy:\n    portLevelSettings:\n    - port: {nummer: 1}\n      tls: {}\n",
            "7:14",
            "spec.trafficPolicy.portLevelSettings[0].port.nummer",
            "number",
        ),
    ] {
        let errors = errors(text);
        let expected = format!("rule.yaml:{place}: error: {field}: unknown field");
        let found = errors.iter().find(|line| line.starts_with(&expected));
        let found = found.unwrap_or_else(|| panic!("{expected} is not in {errors:#?}"));
        assert!(
            found.ends_with(&format!("did you mean `{meant}`?")),
            "{found}"
        );
    }
    for (pool, field, meant) in [
        ("htp: {}", "htp", "http"),
        (
            "tcp: {tcpKeepalive: {tiem: 1s}}",
            "tcp.tcpKeepalive.tiem",
            "time",
        ),
        (
            "http: {http2KeepAlive: {interval: 1s, timeout: 1s, interal: 1s}}",
            "http.http2KeepAlive.interal",
            "interval",
        ),
    ] {
        let found = error(rule(pool));
        assert!(
            found.contains(&format!(" error: {POOL}.{field}: unknown field")),
            "{found}"
        );
        assert!(
            found.ends_with(&format!("did you mean `{meant}`?")),
            "{found}"
        );
    }
}

#[test]
fn an_unknown_field_that_is_near_nothing_lists_what_is_known() {
    let found = error(rule("banana: 1"));
    assert!(
        found.ends_with("unknown field `banana`, known here: tcp, http"),
        "{found}"
    );
}

#[test]
fn a_wrong_type_names_the_value_and_the_type() {
    for (pool, field, message) in [
        (
            "tcp: {maxConnections: \"100\"}",
            "tcp.maxConnections",
            "expected an integer (remove the quotes), found the string `100`",
        ),
        (
            "tcp: {maxConnections: many}",
            "tcp.maxConnections",
            "expected an integer, found the string `many`",
        ),
        (
            "tcp: {maxConnections: 1.5}",
            "tcp.maxConnections",
            "expected an integer, found the number `1.5`",
        ),
        (
            "tcp: {maxConnections: yes}",
            "tcp.maxConnections",
            "expected an integer, found the boolean true (written `yes`)",
        ),
        (
            "tcp: {maxConnections: [1]}",
            "tcp.maxConnections",
            "expected an integer, found a list",
        ),
        (
            "tcp: {maxConnections: 2147483648}",
            "tcp.maxConnections",
            "expected an integer of at most 2147483647, found the number `2147483648`",
        ),
        (
            "tcp: {tcpKeepalive: {probes: -1}}",
            "tcp.tcpKeepalive.probes",
            "expected an integer from 0 to 4294967295, found the number `-1`",
        ),
        ("tcp: 5", "tcp", "expected a mapping, found the number `5`"),
        (
            "http: {useClientProtocol: \"yes\"}",
            "http.useClientProtocol",
            "expected true or false, found the string `yes`",
        ),
        (
            "http: {h2UpgradePolicy: upgrade}",
            "http.h2UpgradePolicy",
            "expected one of DEFAULT, DO_NOT_UPGRADE, UPGRADE, found the string `upgrade`",
        ),
        (
            "http: {h2UpgradePolicy: 2}",
            "http.h2UpgradePolicy",
            "expected one of DEFAULT, DO_NOT_UPGRADE, UPGRADE, found the number `2`",
        ),
        (
            "http: {idleTimeout: 5}",
            "http.idleTimeout",
            "expected a duration with units, such as 1.5s, 1m30s or 500ms, found the number `5`",
        ),
        (
            "http: {idleTimeout: '5'}",
            "http.idleTimeout",
            "`5` has a number without a unit: expected a duration with units, such as 1.5s, 1m30s or 500ms",
        ),
        (
            "http: {idleTimeout: 1d}",
            "http.idleTimeout",
            "`1d` has the unknown unit `d`: known are h, m, s, ms, us, ns",
        ),
        (
            "http: {idleTimeout: soon}",
            "http.idleTimeout",
            "`soon` is no duration: expected a duration with units, such as 1.5s, 1m30s or 500ms",
        ),
    ] {
        let found = error(rule(pool));
        assert!(
            found.ends_with(&format!(" error: {POOL}.{field}: {message}")),
            "{found}"
        );
    }
}

#[test]
fn a_negative_number_is_refused() {
    for field in [
        "tcp.maxConnections",
        "http.http1MaxPendingRequests",
        "http.http2MaxRequests",
        "http.maxRequestsPerConnection",
        "http.maxRetries",
        "http.maxConcurrentStreams",
    ] {
        let (block, name) = field.split_once('.').unwrap();
        assert_eq!(
            error(rule(&format!("{block}:\n  {name}: -1"))),
            format!(
                "rule.yaml:10:{}: error: {POOL}.{field}: -1 is negative: expected 0 (unlimited) \
                 or more",
                11 + name.len()
            )
        );
    }
}

#[test]
fn durations_below_or_beside_whole_milliseconds_are_refused() {
    for field in [
        "tcp.connectTimeout",
        "tcp.maxConnectionDuration",
        "tcp.tcpKeepalive.time",
        "tcp.tcpKeepalive.interval",
        "http.idleTimeout",
    ] {
        let nested = field
            .split('.')
            .rev()
            .fold(String::from("VALUE"), |inner, name| {
                if inner == "VALUE" {
                    format!("{{{name}: VALUE}}")
                } else {
                    format!("{{{name}: {inner}}}")
                }
            });
        for (value, message) in [
            ("500us", "500µs is too short: expected 1ms or more"),
            ("0s", "0s is too short: expected 1ms or more"),
            ("-1s", "-1s is too short: expected 1ms or more"),
            ("1500us", "1.5ms is finer than whole milliseconds: round it"),
        ] {
            let found = error(rule(&nested[1..nested.len() - 1].replace("VALUE", value)));
            assert!(
                found.ends_with(&format!(" error: {POOL}.{field}: {message}")),
                "{found}"
            );
        }
    }
}

#[test]
fn a_duplicate_key_is_refused_with_both_places() {
    assert_eq!(
        error(rule("http:\n  http2MaxRequests: 1\n  http2MaxRequests: 2")),
        format!(
            "rule.yaml:11:9: error: {POOL}.http.http2MaxRequests: the key `http2MaxRequests` \
             stands twice in one mapping, first at 10:9: keep one"
        )
    );
}

#[test]
fn an_empty_pool_is_refused() {
    assert_eq!(
        error(rule("{}")),
        format!(
            "rule.yaml:9:7: error: {POOL}: an empty connectionPool: expected tcp, http, or both"
        )
    );
    assert!(error(rule("{tcp: null, http: ~}")).contains("an empty connectionPool"));
}

#[test]
fn what_excludes_or_needs_each_other_is_refused() {
    let both = error(rule(
        "http:\n  h2UpgradePolicy: UPGRADE\n  useClientProtocol: true",
    ));
    assert!(
        both.contains(":11:28: error:") && both.contains("true excludes h2UpgradePolicy"),
        "{both}"
    );
    let half = error(rule("http:\n  http2KeepAlive: {interval: 1s}"));
    assert!(half.contains("http2KeepAlive.timeout: missing"), "{half}");
}

#[test]
fn every_problem_is_found_in_one_pass_in_the_order_of_the_file() {
    let found = errors(rule(
        "tcp:\n  maxConnections: -1\n  connectTimeout: 5\n  idelTimeout: 1s\n\
         http:\n  http2MaxRequests: \"1\"\n  maxRetries: -2",
    ));
    let lines: Vec<_> = found
        .iter()
        .map(|line| line.split(':').nth(1).unwrap())
        .collect();
    assert_eq!(lines, ["10", "11", "12", "14", "15"], "{found:#?}");
}

#[test]
fn what_is_not_yaml_is_refused_where_it_breaks() {
    let found = error(rule("http: [1, 2"));
    assert!(
        found.starts_with("rule.yaml:10:1: error: not valid YAML: "),
        "{found}"
    );
    assert_eq!(
        error("hello, world"),
        "rule.yaml:1:1: error: expected a Kubernetes object, found the string `hello, world`"
    );
    let template = error("{{ .Values.rule }}: 1\n");
    assert!(
        template.contains("a template that was not filled in"),
        "{template}"
    );
}

#[test]
fn what_is_not_utf_8_is_refused_where_it_breaks() {
    let mut bytes = rule("http: {http2MaxRequests: 1}").into_bytes();
    bytes.extend(b"# gr\xc3\xbc\xdfe\n");
    assert_eq!(
        error(bytes),
        "rule.yaml:10:6: error: not UTF-8: the byte 0xdf cannot stand here; save the file as UTF-8"
    );
    let utf_16: Vec<u8> = "\u{feff}kind"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert!(error(utf_16).starts_with("rule.yaml:1:1: error: not UTF-8"));
}

#[test]
fn what_is_no_file_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let read =
        |path: &std::path::Path| RuleFile::new(path).read().expect_err("refused").to_string();
    let missing = dir.path().join("missing.yaml");
    let found = read(&missing);
    assert!(
        found.starts_with(&format!("{}: error: cannot be read: ", missing.display())),
        "{found}"
    );
    assert!(read(dir.path()).ends_with("it is a directory, not a regular file"));

    let large = dir.path().join("large.yaml");
    fs::File::create(&large).unwrap().set_len(1 << 32).unwrap();
    let found = read(&large);
    assert!(
        found.contains("large.yaml: error: larger than 1048576 bytes (1 MiB)"),
        "{found}"
    );
}

#[cfg(unix)]
#[test]
fn a_special_file_is_refused_without_being_opened() {
    // Opening it would wait for a terminal or read for ever.
    let found = RuleFile::new("/dev/zero")
        .read()
        .expect_err("refused")
        .to_string();
    assert_eq!(
        found,
        "/dev/zero: error: cannot be read: it is a special file, not a regular file"
    );
}

#[test]
fn a_file_without_a_pool_has_nothing_to_enforce() {
    for text in [
        "",
        "# only a comment\n",
        "---\n---\n",
        "null",
        "apiVersion: v1\nkind: Service\n",
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nspec: {host: a}\n",
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nspec:\n  host: a\n  \
         trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}\n",
    ] {
        assert!(
            error(text).starts_with("rule.yaml: error: nothing to enforce"),
            "{text:?}"
        );
    }
}

#[test]
fn two_rules_with_a_pool_are_refused_and_both_are_named() {
    let second =
        rule("http: {http2MaxRequests: 2}").replace("name: user", "{name: b, namespace: c}");
    let text = format!("{}---\n{second}", rule("http: {http2MaxRequests: 1}"));
    assert_eq!(
        error(text),
        "rule.yaml:11:1: error: c/b (line 11) is a second rule with a connectionPool, after \
         default/user (line 1): a file holds one"
    );
}
