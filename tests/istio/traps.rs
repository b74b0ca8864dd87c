//! The traps of levels, of rules as they are when they are merged.

use meshpool::istio::{OnFull, Problem, Query, RuleSet, Service};

use crate::support::rule_of_day;

/// What is warned of, each with the file that it is in.
fn warned(rules: &[&str]) -> Vec<String> {
    let mut builder = RuleSet::builder();
    for (index, rule) in rules.iter().enumerate() {
        builder = builder.document(format!("{index}.yaml"), *rule);
    }
    let set = builder.build();
    assert!(set.is_valid(), "{:?}", set.problems());
    let query = Query::outbound(Service::new("user").namespace("demo"));
    let problems = set.explain(&query, OnFull::Refuse).problems;
    let told = |problem: &Problem| {
        let file = problem.file().display().to_string();
        format!("{file} {}: {}", problem.path(), problem.message())
    };
    problems.iter().map(told).collect()
}

const POOL: &str = "{tcp: {maxConnections: 5}, http: {http1MaxPendingRequests: 1}}";

#[test]
fn a_subset_of_a_newer_rule_drops_what_the_older_ones_pool_has() {
    let older = rule_of_day(
        1,
        "platform",
        &format!("trafficPolicy: {{connectionPool: {POOL}}}"),
    );
    let subset = |policy: &str| {
        let spec = format!("subsets: [{{name: v2, trafficPolicy: {policy}}}]");
        rule_of_day(2, "team", &spec)
    };
    let newer = subset("{connectionPool: {http: {http2MaxRequests: 3}}}");
    let dropped = "1.yaml spec.subsets[0].trafficPolicy.connectionPool: it replaces that of \
                   demo/platform as a whole, and drops its tcp.maxConnections, \
                   http.http1MaxPendingRequests; repeat what is to stay";
    assert_eq!(warned(&[&older, &newer]), [dropped]);
    // Of the newer one alone there is nothing to drop.
    assert_eq!(warned(&[&newer]), [""; 0]);
    // One without a pool takes that of the older rule.
    let without = subset("{loadBalancer: {simple: RANDOM}}");
    assert_eq!(warned(&[&older, &without]), [""; 0]);
    // One whose port has settings without a pool does not.
    let port = subset("{portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]}");
    assert_eq!(
        warned(&[&older, &port]),
        [
            "1.yaml spec.subsets[0].trafficPolicy.portLevelSettings[0]: the subset's settings of \
             port 80 have no connectionPool, and take none from the subset, the rule or the mesh: \
             nothing is limited there; repeat it here"
        ]
    );
}

#[test]
fn a_subset_of_a_newer_rule_holds_on_the_ports_of_the_older() {
    let older = rule_of_day(
        1,
        "platform",
        &format!(
            "trafficPolicy: {{portLevelSettings: [{{port: {{number: 80}}, connectionPool: {POOL}}}]}}"
        ),
    );
    let newer = rule_of_day(
        2,
        "team",
        &format!("subsets: [{{name: v2, trafficPolicy: {{connectionPool: {POOL}}}}}]"),
    );
    assert_eq!(
        warned(&[&older, &newer]),
        [
            "1.yaml spec.subsets[0].trafficPolicy.connectionPool: it holds on every port: that of \
             demo/platform for port 80 does not hold for the subset"
        ]
    );
}

#[test]
fn what_a_merge_leaves_out_is_no_trap() {
    let older = rule_of_day(
        1,
        "platform",
        &format!("trafficPolicy: {{connectionPool: {POOL}}}, subsets: [{{name: v2}}]"),
    );
    // Its policy, and its subset of the same name, are swallowed with all that is in them.
    let newer = rule_of_day(
        2,
        "team",
        &format!(
            "trafficPolicy: {{connectionPool: {POOL}, portLevelSettings: \
             [{{port: {{number: 80}}, tls: {{mode: DISABLE}}}}]}}, subsets: [{{name: v2, \
             trafficPolicy: {{connectionPool: {{http: {{http2MaxRequests: 3}}}}}}}}]"
        ),
    );
    assert_eq!(
        warned(&[&older, &newer]),
        [
            "1.yaml spec.trafficPolicy: without effect: demo/platform is an older rule for the \
             same host, and its policy holds"
        ]
    );
    // By itself it has both traps.
    assert_eq!(warned(&[&newer]).len(), 2);
}

#[test]
fn of_several_entries_for_a_port_the_one_that_holds_is_looked_at() {
    let entries = format!(
        "{{port: {{number: 80}}, connectionPool: {POOL}}}, \
         {{port: {{number: 80}}, tls: {{mode: DISABLE}}}}"
    );
    let policy = |entries: &str| {
        let spec =
            format!("trafficPolicy: {{connectionPool: {POOL}, portLevelSettings: [{entries}]}}");
        rule_of_day(1, "user", &spec)
    };
    assert_eq!(warned(&[&policy(&entries)]), [""; 0]);
    let entries = "{port: {number: 80}, tls: {mode: DISABLE}}, {port: {number: 80}}";
    let entries = entries.replace("80}}", &format!("80}}, connectionPool: {POOL}}}"));
    assert_eq!(
        warned(&[&policy(&entries)]),
        [
            "0.yaml spec.trafficPolicy.portLevelSettings[0]: the settings of port 80 have no \
             connectionPool, and take none from the rule: nothing is limited there; repeat it here"
        ]
    );
}

#[test]
fn a_policy_that_was_filled_from_the_gateway_api_is_looked_at_as_a_whole() {
    let user = rule_of_day(
        1,
        "user",
        "trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}, \
         {port: {number: 90}, connectionPool: {http: {http2MaxRequests: 3}}}]}",
    );
    let made = rule_of_day(
        2,
        "made",
        &format!("trafficPolicy: {{connectionPool: {POOL}, retryBudget: {{percent: 10}}}}"),
    );
    let made = made.replace(
        "{name: made,",
        "{name: made, annotations: {internal.istio.io/parents: Service/user},",
    );
    let set = RuleSet::builder()
        .gate(meshpool::istio::Gate::Istiod)
        .document("0.yaml", user)
        .document("1.yaml", made)
        .build();
    let query = Query::outbound(Service::new("user").namespace("demo"));
    let problems = set.explain(&query, OnFull::Refuse).problems;
    let traps = problems.iter().filter(|it| it.file().ends_with("0.yaml"));
    let traps: Vec<_> = traps
        .map(|it| format!("{} {}", it.path(), it.message().split(':').next().unwrap()))
        .collect();
    let ports = "spec.trafficPolicy.portLevelSettings";
    assert_eq!(
        traps,
        [
            format!(
                "{ports}[0] the settings of port 80 have no connectionPool, and take none from \
                 demo/made"
            ),
            format!("{ports}[0] port 80 loses demo/made's retryBudget"),
            format!("{ports}[1] port 90 loses demo/made's retryBudget"),
            format!(
                "{ports}[1].connectionPool it replaces that of demo/made as a whole, and drops its \
                 tcp.maxConnections, http.http1MaxPendingRequests; repeat what is to stay"
            ),
        ]
    );
}
