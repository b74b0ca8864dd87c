//! Rules in force: what a source does to the others, what readers see, what is told.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use meshpool::Limits;
use meshpool::istio::rules::{Batch, Rules};
use meshpool::istio::{Client, Gate, OnFull, Query, RuleSet, Selection, Service};
use meshpool::limits::{Destination, LimitsSource, Scheme, Subscriber};
use tokio_test::{assert_pending, assert_ready_eq, task};

use crate::directories::{limit, rule};

fn user() -> Service {
    Service::new("user").namespace("demo")
}

fn destination(host: &str) -> Destination {
    Destination::new(Scheme::Http, host, 80)
}

#[test]
fn what_is_put_is_in_force_until_it_is_removed() {
    let rules = Rules::new();
    assert_eq!((rules.revision(), limit(&rules, "user")), (0, None));
    rules.put("user", rule("user", 1)).unwrap();
    assert_eq!((rules.revision(), limit(&rules, "user")), (1, Some(1)));
    rules.put("user", rule("user", 2)).unwrap();
    assert_eq!((rules.revision(), limit(&rules, "user")), (2, Some(2)));
    rules.remove("user");
    assert_eq!((rules.revision(), limit(&rules, "user")), (3, None));
    rules.remove("user");
    assert_eq!(rules.revision(), 3, "nothing was there");
    let stats = rules.stats();
    assert_eq!((stats.revision, stats.updates, stats.removals), (3, 2, 1));
    assert!(rules.sources().is_empty());
}

#[test]
fn a_source_with_an_error_is_rejected_as_a_whole_and_says_what_it_said() {
    let rules = Rules::new();
    let both = |user, other| format!("{}---\n{}", rule("user", user), rule("other", other));
    rules.put("both", both(1, 1)).unwrap();
    let wrong = both(2, 2).replace("http2MaxRequests: 2}", "http2MaxRequests: many}");
    let rejected = rules.put("both", wrong).unwrap_err();
    assert!(rejected.to_string().starts_with("both:6:"), "{rejected}");
    assert_eq!(
        (limit(&rules, "user"), limit(&rules, "other")),
        (Some(1), Some(1))
    );
    assert_eq!(rules.revision(), 1);
    let source = rules.sources().remove(0);
    assert_eq!((source.name.as_str(), source.in_force), ("both", true));
    assert_eq!(source.rejected.as_ref(), Some(&rejected));
    assert_eq!(rules.problems(), rejected.problems());
    // The trouble ends with the same text that was right before.
    rules.put("both", both(1, 1)).unwrap();
    assert_eq!(rules.sources()[0].rejected, None);
    assert!(rules.problems().is_empty());
}

#[test]
fn what_is_broken_at_first_limits_nothing_and_may_go_away() {
    let rules = Rules::new();
    rules.put("user", "kind: [").unwrap_err();
    let source = rules.sources().remove(0);
    assert!(!source.in_force && source.rejected.is_some());
    rules.remove("user");
    assert!(rules.problems().is_empty() && rules.sources().is_empty());
    let stats = rules.stats();
    assert_eq!((stats.revision, stats.rejects, stats.removals), (0, 1, 0));
}

/// The sources of which something does not count.
fn idle(rules: &Rules) -> Vec<String> {
    let problems = rules.problems();
    let idle = problems.iter().map(|problem| {
        assert!(problem.message().starts_with("a second "), "{problem}");
        problem.file().display().to_string()
    });
    idle.collect()
}

#[test]
fn of_objects_that_are_there_twice_that_counts_which_was_in_force_first() {
    let rules = Rules::new();
    rules.put("b", rule("user", 2)).unwrap();
    for (source, requests) in [("a", 1), ("c", 3), ("a", 4)] {
        rules.put(source, rule("user", requests)).unwrap();
        assert_eq!(limit(&rules, "user"), Some(2), "{source}");
    }
    assert_eq!(idle(&rules), ["a", "c"]);
    let problem = rules.problems().remove(0).to_string();
    assert!(
        problem.starts_with("a:1:1: error: ")
            && problem.contains("demo/user: the one in b, line 1"),
        "{problem}"
    );
    // It keeps it through changes, and troubles, of its own.
    rules.put("b", rule("user", 5)).unwrap();
    rules.put("b", "kind: [").unwrap_err();
    assert_eq!(limit(&rules, "user"), Some(5));
    rules.put("b", rule("user", 6)).unwrap();
    assert_eq!((limit(&rules, "user"), idle(&rules).len()), (Some(6), 2));
    // Of the others the source counts that came first.
    rules.remove("b");
    assert_eq!(
        (limit(&rules, "user"), idle(&rules)),
        (Some(4), vec!["c".to_owned()])
    );
    rules.put("b", rule("user", 7)).unwrap();
    assert_eq!(limit(&rules, "user"), Some(4));
    assert_eq!(idle(&rules), ["c", "b"]);
    rules.remove("a");
    rules.remove("c");
    assert_eq!((limit(&rules, "user"), idle(&rules).len()), (Some(7), 0));
}

#[test]
fn each_that_does_not_count_is_told_of_the_one_that_does() {
    let rules = Rules::new();
    for (source, host) in [("a", "one"), ("b", "two"), ("c", "user")] {
        rules.put(source, rule(host, 1)).unwrap();
    }
    let mut batch = Batch::new();
    for (source, host) in [("a", "one"), ("b", "two")] {
        batch.put(source, rule(host, 1) + "---\n" + &rule("user", 2));
    }
    assert!(rules.apply(batch).is_empty());
    assert_eq!(limit(&rules, "user"), Some(1));
    assert_eq!(idle(&rules).len(), 2);
    for problem in rules.problems() {
        let text = problem.to_string();
        assert!(text.contains("the one in c, line 1, is in force"), "{text}");
    }
}

#[test]
fn a_source_that_gives_an_object_up_does_not_get_it_back() {
    let rules = Rules::new();
    rules.put("a", rule("user", 1)).unwrap();
    rules.put("b", rule("user", 2)).unwrap();
    rules.put("a", rule("other", 1)).unwrap();
    assert_eq!(limit(&rules, "user"), Some(2));
    let both = rule("other", 1) + "---\n" + &rule("user", 3);
    rules.put("a", both).unwrap();
    assert_eq!(
        (limit(&rules, "user"), limit(&rules, "other")),
        (Some(2), Some(1))
    );
    assert_eq!(idle(&rules), ["a"]);
}

#[test]
fn of_one_batch_the_first_in_it_counts() {
    for (first, second) in [("a", "b"), ("b", "a")] {
        let rules = Rules::new();
        let mut batch = Batch::new();
        batch.put(first, rule("user", 1));
        batch.put(second, rule("user", 2));
        assert!(rules.apply(batch).is_empty());
        assert_eq!(
            (limit(&rules, "user"), idle(&rules)),
            (Some(1), vec![second.to_owned()])
        );
    }
}

#[test]
fn a_second_mesh_config_changes_nothing() {
    let mesh = |policy: &str| {
        format!("apiVersion: mesh\nkind: MeshConfig\nspec: {{defaultTrafficPolicy: {policy}}}\n")
    };
    let pool = |connections: u32| {
        mesh(&format!(
            "{{connectionPool: {{tcp: {{maxConnections: {connections}}}}}}}"
        ))
    };
    let rules = Rules::new();
    let most = || {
        let query = Query::inbound(user());
        rules
            .current()
            .settings(&query)
            .thresholds()
            .max_connections
    };
    rules.put("b", pool(2)).unwrap();
    rules.put("a", pool(1)).unwrap();
    assert_eq!((most(), idle(&rules)), (2, vec!["a".to_owned()]));
    rules.remove("b");
    assert_eq!((most(), idle(&rules).len()), (1, 0));
}

#[test]
fn readers_see_all_of_a_batch_or_nothing_and_the_revisions_in_order() {
    const CHANGES: u32 = 300;

    let rules = Rules::new();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Acquire) {
                    let set = rules.current();
                    let of = |host| {
                        let query = Query::inbound(Service::new(host).namespace("demo"));
                        set.settings(&query).limits(OnFull::Refuse).max_requests
                    };
                    let (a, b) = (of("a"), of("b"));
                    assert_eq!(a, b);
                    assert!(a >= last.into() || last == 0, "{a:?} after {last}");
                    last = a.unwrap_or_default();
                }
            });
        }
        for number in 1..=CHANGES {
            let mut batch = Batch::new();
            batch.put("a", rule("a", number));
            batch.put("b", rule("b", number));
            assert!(rules.apply(batch).is_empty());
        }
        done.store(true, Ordering::Release);
    });
    assert_eq!(rules.revision(), u64::from(CHANGES));
}

#[test]
fn a_batch_with_something_wrong_in_it_puts_the_rest_in_force() {
    let rules = Rules::new();
    rules.put("gone", rule("gone", 1)).unwrap();
    let mut batch = Batch::new();
    batch.put("a", rule("a", 1));
    batch.put("b", "kind: [");
    batch.trouble("c", "it cannot be reached");
    batch.remove("gone");
    assert_eq!(batch.len(), 4);
    let rejected = rules.apply(batch);
    let rejected: Vec<_> = rejected.iter().map(ToString::to_string).collect();
    assert_eq!(rejected.len(), 2);
    assert_eq!(rejected[1], "c: error: it cannot be reached");
    assert_eq!((limit(&rules, "a"), limit(&rules, "gone")), (Some(1), None));
    assert_eq!(rules.revision(), 2);
}

#[test]
fn inbound_limits_are_told_when_they_change_and_only_then() {
    let rules = Rules::new();
    let mut limits = rules.inbound(user()).on_full(OnFull::Wait);
    assert_ready_eq!(task::spawn(limits.changed()).poll(), Limits::new());
    {
        let mut changed = task::spawn(limits.changed());
        assert_pending!(changed.poll());
        rules.put("other", rule("other", 1)).unwrap();
        assert!(changed.is_woken());
        assert_pending!(changed.poll(), "another host's rule");
        rules.put("user", rule("user", 1)).unwrap();
        assert!(changed.is_woken());
    }
    // The first future was dropped with its news.
    let of = |requests| Limits::new().max_requests(requests).max_pending_requests(0);
    assert_eq!(limits.limits(), of(1));
    assert_ready_eq!(task::spawn(limits.changed()).poll(), of(1));
    rules.put("user", rule("user", 2)).unwrap();
    rules.put("user", rule("user", 3)).unwrap();
    assert_ready_eq!(task::spawn(limits.changed()).poll(), of(3));
    rules.remove("user");
    assert_ready_eq!(task::spawn(limits.changed()).poll(), Limits::new());
    assert_eq!(rules.stats().limit_changes, 3);
}

#[test]
fn outbound_limits_are_those_of_the_destination_as_the_cluster_finds_it() {
    let rules = Rules::new();
    rules.put("user", rule("user", 1)).unwrap();
    rules
        .put(
            "ext",
            rule("api.example.org", 2).replace("name: api.example.org", "name: api"),
        )
        .unwrap();
    let near = rules.outbound(Client::new("demo"));
    let far = rules.outbound(Client::new("elsewhere"));
    let of = |client: &dyn LimitsSource, host| client.limits(&destination(host)).max_requests;
    for host in [
        "user.demo",
        "user.demo.svc",
        "user.demo.svc.cluster.local",
        "user.demo.svc.cluster.local.",
        "USER.Demo",
    ] {
        assert_eq!(of(&near, host), Some(1), "{host}");
        assert_eq!(of(&far, host), Some(1), "{host}");
    }
    assert_eq!((of(&near, "user"), of(&far, "user")), (Some(1), None));
    for host in ["api.example.org", "api.example.org."] {
        assert_eq!((of(&near, host), of(&far, host)), (Some(2), Some(2)));
    }
    for host in ["127.0.0.1", "[::1]", "user.example", "user.demo.example"] {
        assert_eq!(of(&near, host), None, "{host}");
    }
    // Absolute names are full ones.
    for host in [
        "user.",
        "user.demo.",
        "user.demo.svc.",
        "user.demo.svc.cluster.local..",
    ] {
        assert_eq!(of(&near, host), None, "{host}");
    }
}

#[test]
fn outbound_limits_are_those_of_the_port_the_subset_and_the_callers_labels() {
    let rules = Rules::new();
    let text = "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: user, namespace: demo}
spec:
  host: user
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 1}}
    portLevelSettings:
    - port: {number: 8080}
      connectionPool: {tcp: {maxConnections: 2}}
  subsets:
  - name: v2
    labels: {version: v2}
    trafficPolicy: {connectionPool: {tcp: {maxConnections: 3}}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: batch, namespace: demo}
spec:
  host: user
  workloadSelector: {matchLabels: {app: batch}}
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 4}}
";
    rules.put("user", text).unwrap();
    let client = Client::new("demo");
    let of = |client: &dyn LimitsSource, port| {
        let destination = Destination::new(Scheme::Http, "user", port);
        client.limits(&destination).max_connections
    };
    let plain = rules.outbound(client.clone());
    assert_eq!((of(&plain, 80), of(&plain, 8080)), (Some(1), Some(2)));
    assert_eq!(
        of(&rules.outbound(client.clone()).subset("v2"), 80),
        Some(3)
    );
    assert_eq!(
        of(&rules.outbound(client.clone()).subset("v3"), 80),
        Some(1)
    );
    assert_eq!(
        of(&rules.outbound(client.label("app", "batch")), 80),
        Some(4)
    );
}

#[test]
fn subscribers_find_what_they_are_told_of_and_the_dead_are_forgotten() {
    let rules = Rules::new();
    let outbound = rules.outbound(Client::new("demo"));
    let found = Arc::new(Mutex::new(Vec::new()));
    let subscriber: Arc<Subscriber> = {
        let (outbound, found) = (outbound.clone(), Arc::clone(&found));
        Arc::new(move || {
            let limits = outbound.limits(&destination("user"));
            let seen = (outbound.revision(), limits.max_requests);
            found.lock().unwrap().push(seen);
        })
    };
    outbound.subscribe(Arc::downgrade(&subscriber));
    rules.put("user", rule("user", 1)).unwrap();
    rules.put("user", "kind: [").unwrap_err();
    rules.put("user", rule("user", 2)).unwrap();
    assert_eq!(*found.lock().unwrap(), [(1, Some(1)), (2, Some(2))]);
    drop(subscriber);
    rules.remove("user");
    assert_eq!(found.lock().unwrap().len(), 2);
    // What is told of a destination first is no change.
    assert_eq!(rules.stats().limit_changes, 1);
}

#[test]
fn a_subscriber_may_change_the_rules_itself() {
    let rules = Rules::new();
    let calls = Arc::new(AtomicU64::new(0));
    let subscriber: Arc<Subscriber> = {
        let (rules, calls) = (rules.clone(), Arc::clone(&calls));
        Arc::new(move || {
            if calls.fetch_add(1, Ordering::Relaxed) == 0 {
                rules.put("more", rule("more", 1)).unwrap();
            }
        })
    };
    rules.subscribe(Arc::downgrade(&subscriber));
    rules.put("user", rule("user", 1)).unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    assert_eq!(rules.stats().revision, 2);
}

/// As istiod does: what its admission would refuse got past it once, and is not checked again.
#[test]
fn behind_istiods_gate_what_can_be_read_is_in_force() {
    let refused =
        rule("user", 3).replace("http2MaxRequests: 3", "http2MaxRequests: 3, maxRetries: -1");
    let strict = Rules::new();
    strict.put("user", &refused).unwrap_err();
    assert_eq!(limit(&strict, "user"), None);

    let rules = Rules::builder().gate(Gate::Istiod).build();
    rules.put("user", &refused).unwrap();
    assert_eq!(limit(&rules, "user"), Some(3));
    let query = Query::outbound(user());
    let current = rules.current();
    let thresholds = current.settings(&query).thresholds();
    assert_eq!(
        (thresholds.max_requests, thresholds.max_retries),
        (3, u32::MAX)
    );
    let problems: Vec<_> = rules.problems().iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("error: spec.") && problems[0].contains("-1 is negative"));
    let source = rules.sources().remove(0);
    assert!(source.in_force && source.rejected.is_none());
    assert!(!rules.explain(&query, OnFull::Refuse).valid);
    assert_eq!((rules.stats().updates, rules.stats().rejects), (1, 0));

    // What cannot be read is rejected behind both.
    rules
        .put("user", rule("user", 4).replace(": 4", ": many"))
        .unwrap_err();
    assert_eq!(limit(&rules, "user"), Some(3));
    rules.put("user", rule("user", 5)).unwrap();
    assert!(rules.problems().is_empty() && limit(&rules, "user") == Some(5));
}

/// istiod checks them itself, and goes on with those that it had.
#[test]
fn settings_of_a_mesh_are_checked_behind_either_gate() {
    let mesh = |connections: i32| {
        format!(
            "apiVersion: mesh\nkind: MeshConfig\nspec: {{defaultTrafficPolicy: \
             {{connectionPool: {{tcp: {{maxConnections: {connections}}}}}}}}}\n"
        )
    };
    for gate in [Gate::Strict, Gate::Istiod] {
        let rules = Rules::builder().gate(gate).build();
        rules.put("mesh", mesh(7)).unwrap();
        rules.put("mesh", mesh(-1)).unwrap_err();
        let current = rules.current();
        let query = Query::outbound(user());
        assert_eq!(current.settings(&query).thresholds().max_connections, 7);
        let set = RuleSet::builder().gate(gate).document("mesh", mesh(-1));
        let set = set.build();
        assert!(!set.is_valid());
        let unlimited = set.settings(&query).thresholds().max_connections;
        assert_eq!(unlimited, u32::MAX, "and not that of a number below zero");
        assert!(
            set.settings(&query)
                .values()
                .iter()
                .all(|it| it.overrode().is_empty())
        );
    }
}

#[test]
fn selection_and_domain_are_as_they_were_set() {
    let older = "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: older, namespace: demo, creationTimestamp: '2024-01-01T00:00:00Z'}
spec:
  host: user.demo.svc.example
  exportTo: [one]
  trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}
";
    let newer = older
        .replace("older", "newer")
        .replace("2024", "2025")
        .replace("[one]", "[one, two]");
    let limits = |selection| {
        let rules = Rules::builder()
            .selection(selection)
            .cluster_domain("example")
            .build();
        rules.put("older", older).unwrap();
        rules.put("newer", &newer).unwrap();
        let outbound = rules.outbound(Client::new("two"));
        outbound
            .limits(&destination("user.demo.svc"))
            .max_connections
    };
    assert_eq!(limits(Selection::Istio), None, "absorbed by the older one");
    assert_eq!(limits(Selection::Sane), Some(1));
}
