//! Rules as text, and what comes of them.

use meshpool::istio::{Problem, Rejected, Rule, RuleFile, Severity};

/// A rule with this under `connectionPool:`, indented by six there.
pub(crate) fn rule(pool: &str) -> String {
    let indented: String = pool.lines().map(|line| format!("      {line}\n")).collect();
    format!(
        "apiVersion: networking.istio.io/v1\n\
         kind: DestinationRule\n\
         metadata:\n\
         \x20 name: user\n\
         spec:\n\
         \x20 host: user\n\
         \x20 trafficPolicy:\n\
         \x20   connectionPool:\n{indented}"
    )
}

/// A valid rule in one line.
pub(crate) const FLOW_RULE: &str = "{apiVersion: networking.istio.io/v1, kind: DestinationRule, \
    metadata: {name: user}, spec: {host: user, trafficPolicy: {connectionPool: \
    {http: {http2MaxRequests: 3}}}}}";

/// A rule of several that the host `user` has in `demo`: older with a smaller day.
pub(crate) fn rule_of_day(day: u32, name: &str, spec: &str) -> String {
    format!(
        "---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}, namespace: demo, creationTimestamp: 2026-01-0{day}T00:00:00Z}}
spec: {{host: user, {spec}}}
"
    )
}

pub(crate) fn parse(text: impl AsRef<[u8]>) -> Result<Rule, Rejected> {
    RuleFile::new("rule.yaml").parse(text.as_ref())
}

pub(crate) fn accepted(text: impl AsRef<[u8]>) -> Rule {
    parse(text).unwrap_or_else(|rejected| panic!("refused:\n{rejected}"))
}

/// The errors of a text that is refused, as printed.
pub(crate) fn errors(text: impl AsRef<[u8]>) -> Vec<String> {
    match parse(text) {
        Ok(rule) => panic!("accepted: {rule:?}"),
        Err(rejected) => rejected.errors().map(ToString::to_string).collect(),
    }
}

/// The only error of a text that is refused.
pub(crate) fn error(text: impl AsRef<[u8]>) -> String {
    let errors = errors(text);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors.into_iter().next().unwrap()
}

/// `severity path` of each notice.
pub(crate) fn summary(problems: &[Problem]) -> Vec<String> {
    problems
        .iter()
        .map(|problem| {
            assert!(problem.severity() != Severity::Error);
            format!("{} {}", problem.severity(), problem.path())
        })
        .collect()
}
