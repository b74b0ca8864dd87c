//! Values as Kubernetes reads them, through a whole rule.

use crate::support::{accepted, error, rule};

fn requests(value: &str) -> Option<u32> {
    accepted(rule(&format!("http: {{http2MaxRequests: {value}}}")))
        .limits()
        .max_requests
}

#[test]
fn numbers_are_read_in_every_form() {
    for (text, number) in [
        ("12", 12),
        ("+12", 12),
        ("010", 8),
        ("0o10", 8),
        ("0x10", 16),
        ("0b10", 2),
        ("1_000", 1000),
        ("12.0", 12),
        ("1e3", 1000),
        ("2147483647", 2_147_483_647),
        ("!!int \"12\"", 12),
    ] {
        assert_eq!(requests(text), Some(number), "{text}");
    }
}

#[test]
fn zero_and_null_are_unset() {
    for text in ["0", "null", "~", ""] {
        assert_eq!(requests(text), None, "{text:?}");
    }
}

#[test]
fn booleans_have_their_old_names() {
    for text in ["true", "True", "yes", "on", "y"] {
        accepted(rule(&format!("http: {{useClientProtocol: {text}}}")));
    }
    assert!(error(rule("http: {useClientProtocol: ja}")).contains("expected true or false"));
    // And so a host with such a name needs quotes.
    let named = rule("http: {http2MaxRequests: 1}").replace("host: user", "host: on");
    assert!(
        error(named).contains(
            "expected a string (put it in quotes), found the boolean true (written `on`)"
        )
    );
}

#[test]
fn merge_keys_give_way_to_a_mappings_own() {
    let text = rule("http:\n  <<: *base\n  http2MaxRequests: 5");
    let text = text.replace(
        "metadata:\n",
        "metadata:\n  managedFields:\n    base: &base {http2MaxRequests: 3, maxRequestsPerConnection: 9}\n",
    );
    let limits = accepted(text).limits();
    assert_eq!(limits.max_requests, Some(5));
    assert_eq!(limits.max_requests_per_connection.unwrap().get(), 9);
}

#[test]
fn earlier_merges_win_over_later_ones() {
    let text = rule("http:\n  <<: [{http2MaxRequests: 3}, {http2MaxRequests: 4, maxRetries: 1}]");
    assert_eq!(accepted(text).limits().max_requests, Some(3));
    let wrong = error(rule("http:\n  <<: 5"));
    assert!(
        wrong.contains("<< takes a mapping or a list of mappings"),
        "{wrong}"
    );
    let quoted = error(rule("http:\n  '<<': {http2MaxRequests: 3}"));
    assert!(quoted.contains("unknown field `<<`"), "{quoted}");
}

#[test]
fn aliases_stand_for_their_values() {
    let text = rule("tcp: {maxConnections: &n 6}\nhttp: {http2MaxRequests: *n}");
    assert_eq!(accepted(text).limits().max_requests, Some(6));
}
