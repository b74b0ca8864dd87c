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

/// The limits on requests and on requests per connection of a pool with these settings in `http`,
/// where `base` and `other` are mappings and `list` is a list of both.
fn merged(http: &str) -> (Option<u32>, Option<u32>) {
    let limits = accepted(with_anchors(http)).limits();
    let per_connection = limits.max_requests_per_connection;
    (limits.max_requests, per_connection.map(Into::into))
}

fn with_anchors(http: &str) -> String {
    rule(http).replace(
        "metadata:\n",
        "metadata:
  managedFields:
    base: &base {http2MaxRequests: 3, maxRequestsPerConnection: 9}
    other: &other {http2MaxRequests: 4}
    list: &list [*base, *other]
",
    )
}

/// As the YAML library of `kubectl` and istiod does it, and unlike YAML itself says.
#[test]
fn of_merge_keys_and_a_mappings_own_the_last_in_the_text_wins() {
    for (http, requests) in [
        ("http: {<<: *base, http2MaxRequests: 5}", 5),
        ("http: {http2MaxRequests: 5, <<: *base}", 3),
        ("http: {<<: *base, http2MaxRequests: 5, <<: *other}", 4),
        ("http: {<<: *base, <<: *other}", 4),
        ("http: {<<: *other, <<: *base}", 3),
        ("http: {!!merge <<: *base}", 3),
    ] {
        assert_eq!(merged(http), (Some(requests), Some(9)), "{http}");
    }
    let lifted = "http: {<<: *base, http2MaxRequests: null, maxRetries: 1}";
    assert_eq!(merged(lifted), (None, Some(9)));
}

#[test]
fn of_the_mappings_in_one_merge_the_first_wins() {
    for (http, requests) in [
        ("http: {<<: [*base, *other]}", 3),
        ("http: {<<: [*other, *base]}", 4),
        ("http: {<<: [{http2MaxRequests: 7}, *base, *other]}", 7),
        ("http: {http2MaxRequests: 5, <<: [*other, *base]}", 4),
        ("http: {<<: [*other, *base], http2MaxRequests: 5}", 5),
    ] {
        assert_eq!(merged(http), (Some(requests), Some(9)), "{http}");
    }
}

#[test]
fn a_merge_key_takes_mappings_and_nothing_else() {
    for value in ["5", "null", "[5]", "[[*base]]", "*list", "[*list]"] {
        let wrong = error(with_anchors(&format!("http: {{<<: {value}}}")));
        let expected = "<< takes a mapping, an alias of one, or a list of these";
        assert!(wrong.contains(expected), "{value}: {wrong}");
    }
    let quoted = error(rule("http:\n  '<<': {http2MaxRequests: 3}"));
    assert!(quoted.contains("unknown field `<<`"), "{quoted}");
}

#[test]
fn a_key_that_stands_twice_beside_a_merge_is_an_error() {
    let twice = "http: {maxRetries: 1, maxRetries: 2, <<: *base}";
    let wrong = error(with_anchors(twice));
    assert!(wrong.contains("`maxRetries` stands twice"), "{wrong}");
}

#[test]
fn aliases_stand_for_their_values() {
    let text = rule("tcp: {maxConnections: &n 6}\nhttp: {http2MaxRequests: *n}");
    assert_eq!(accepted(text).limits().max_requests, Some(6));
}
