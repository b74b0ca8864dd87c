//! Which objects of a file are read.

use crate::support::{FLOW_RULE, accepted, error, rule};

#[test]
fn the_guides_rule_is_read() {
    let limits = accepted(rule(
        "http:\n  http1MaxPendingRequests: 1\n  http2MaxRequests: 1\n  maxRequestsPerConnection: 1",
    ))
    .limits();
    assert_eq!(limits.max_requests, Some(1));
    assert_eq!(limits.max_pending_requests, Some(0));
    assert_eq!(limits.max_requests_per_connection.unwrap().get(), 1);
}

#[test]
fn the_rule_tells_its_name() {
    let named = accepted(FLOW_RULE.replace(
        "{name: user}",
        "{name: user, namespace: shop, labels: {a: b}}",
    ));
    assert_eq!(
        (named.name(), named.namespace()),
        (Some("user"), Some("shop"))
    );
    assert_eq!(named.host(), "user");
}

#[test]
fn other_kinds_and_empty_documents_are_skipped() {
    let text = format!(
        "# a comment\n---\n---\napiVersion: v1\nkind: Service\nspec: {{}}\n---\n\
         apiVersion: example.com/v1\nkind: DestinationRule\nspec: {{anything: true}}\n---\n\
         apiVersion: networking.istio.io/v1\nkind: VirtualService\na: 1\na: 2\n---\n{}---\n",
        rule("tcp: {maxConnections: 7}")
    );
    assert_eq!(accepted(text).limits().max_requests, Some(7));
}

#[test]
fn lists_are_unfolded_and_their_items_have_paths() {
    for kind in [
        "v1, kind: List",
        "networking.istio.io/v1, kind: DestinationRuleList",
    ] {
        let list = |item: &str| {
            format!("{{apiVersion: {kind}, items: [{{apiVersion: v1, kind: Service}}, {item}]}}")
        };
        assert_eq!(accepted(list(FLOW_RULE)).limits().max_requests, Some(3));
        let found = error(list(
            &FLOW_RULE.replace("http2MaxRequests: 3", "http2MaxRequests: -3"),
        ));
        let path = "items[1].spec.trafficPolicy.connectionPool.http.http2MaxRequests";
        assert!(
            found.contains(&format!("error: {path}: -3 is negative")),
            "{found}"
        );
    }
    assert!(error("{kind: List, apiVersion: v1, items: 5}").contains("items: expected a list"));
}

#[test]
fn json_is_yaml() {
    let json = serde_json::json!({
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "DestinationRule",
        "metadata": {"name": "user"},
        "spec": {"host": "user", "trafficPolicy": {"connectionPool": {
            "tcp": {"maxConnections": 4}, "http": {"http1MaxPendingRequests": 2}}}},
    });
    for text in [
        json.to_string(),
        serde_json::to_string_pretty(&json).unwrap(),
    ] {
        let limits = accepted(text).limits();
        assert_eq!(
            (limits.max_requests, limits.max_pending_requests),
            (Some(4), Some(2))
        );
    }
}

#[test]
fn a_byte_order_mark_and_windows_lines_are_read() {
    let text = rule("http:\n  http2MaxRequests: 3").replace('\n', "\r\n");
    assert_eq!(
        accepted(format!("\u{feff}{text}")).limits().max_requests,
        Some(3)
    );
}

#[test]
fn each_version_of_the_group_is_read_and_others_are_refused() {
    for version in ["v1", "v1beta1", "v1alpha3"] {
        accepted(FLOW_RULE.replace("istio.io/v1", &format!("istio.io/{version}")));
    }
    for version in ["v2", "v1alpha1", "", "V1"] {
        let found = error(FLOW_RULE.replace("istio.io/v1", &format!("istio.io/{version}")));
        assert_eq!(
            found,
            format!(
                "rule.yaml:1:14: error: apiVersion: `networking.istio.io/{version}` is no version \
                 of networking.istio.io: expected networking.istio.io/v1, \
                 networking.istio.io/v1beta1 or networking.istio.io/v1alpha3"
            )
        );
    }
}

#[test]
fn an_object_without_kind_or_version_is_refused() {
    let found = error(FLOW_RULE.replace("kind: ", "knd: "));
    assert!(
        found.starts_with("rule.yaml:1:1: error: kind: missing"),
        "{found}"
    );
    let found = error(FLOW_RULE.replace("apiVersion: ", "version: "));
    assert!(
        found.starts_with("rule.yaml:1:1: error: apiVersion: missing"),
        "{found}"
    );
}

#[test]
fn a_kind_that_is_nearly_ours_is_refused() {
    for kind in ["destinationrule", "DestinationRules", "DestinatonRule"] {
        let found = error(FLOW_RULE.replace("DestinationRule", kind));
        let message = format!("unknown kind `{kind}`, did you mean `DestinationRule`?");
        assert!(found.ends_with(&message), "{found}");
    }
}

#[test]
fn a_syntax_error_does_not_hide_what_was_wrong_before_it() {
    let text = format!("{}---\nhttp: [\n", rule("http: {http2MaxRequests: -1}"));
    let found = crate::support::errors(text);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("-1 is negative") && found[1].contains("not valid YAML"));
}

#[test]
fn byte_order_marks_are_skipped_before_documents_and_refused_inside() {
    let rule = rule("tcp: {maxConnections: 7}");
    let service = "apiVersion: v1\nkind: Service\n";
    for text in [
        format!("\u{feff}---\n{rule}"),
        format!("{service}...\n\u{feff}---\n{rule}"),
    ] {
        assert_eq!(accepted(&text).limits().max_requests, Some(7), "{text:?}");
    }
    let found = error(format!("{service}---\n\u{feff}{rule}"));
    assert!(found.starts_with("rule.yaml:4:1: error: "), "{found}");
    assert!(found.contains("byte order mark"), "{found}");
}

#[test]
fn tabs_indent_json_and_nothing_else() {
    let json = "{\n\t\"apiVersion\": \"networking.istio.io/v1\",\n\t\"kind\": \"DestinationRule\",\n\
        \t\"metadata\": {\"name\":\t\"user\"},\n\t\"spec\": {\n\t\t\"host\": \"user\",\n\
        \t\t\"trafficPolicy\": {\"connectionPool\": {\n\t\t\t\"tcp\": {\"maxConnections\": 7}\n\t\t}}\n\
        \t}\n}\n";
    assert_eq!(accepted(json).limits().max_requests, Some(7));
    let indented =
        rule("tcp:\n  maxConnections: 7").replace("        maxConnections", "\tmaxConnections");
    let found = error(indented);
    assert!(found.starts_with("rule.yaml:10:"), "{found}");
    assert!(found.contains("not valid YAML"), "{found}");
}
