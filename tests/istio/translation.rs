//! From a rule's numbers to limits.

use std::time::Duration;

use meshpool::Limits;
use meshpool::istio::{OnFull, Protocol, RuleFile};
use proptest::prelude::*;

use crate::support::{accepted, rule};

/// A rule with M, R and P; 0 leaves the field out.
fn numbers(m: u32, r: u32, p: u32) -> String {
    let field = |name: &str, number: u32| {
        if number == 0 {
            String::new()
        } else {
            format!("{name}: {number}")
        }
    };
    rule(&format!(
        "tcp: {{{}}}\nhttp: {{{}, {}}}",
        field("maxConnections", m),
        field("http2MaxRequests", r),
        field("http1MaxPendingRequests", p)
    ))
    .replace("{, ", "{")
}

fn limits(m: u32, r: u32, p: u32, on_full: OnFull, protocol: Protocol) -> Limits {
    let file = RuleFile::new("rule.yaml")
        .on_full(on_full)
        .protocol(protocol);
    file.parse(numbers(m, r, p).as_bytes())
        .unwrap_or_else(|error| panic!("{error}"))
        .limits()
}

fn slots_and_places(limits: Limits) -> (Option<u32>, Option<u32>) {
    (limits.max_requests, limits.max_pending_requests)
}

/// All combinations: M below, at and above R, either unset, P set or not; 0 is unset.
#[test]
fn slots_and_places_of_every_combination() {
    const FREE: Option<u32> = None;
    for (m, r, p, slots, refuse, wait) in [
        (0, 0, 0, FREE, FREE, FREE),
        (0, 0, 7, FREE, Some(7), Some(7)),
        (0, 3, 0, Some(3), Some(0), Some(0)),
        (0, 3, 7, Some(3), Some(0), Some(7)),
        (3, 0, 0, Some(3), FREE, FREE),
        (3, 0, 7, Some(3), Some(7), Some(7)),
        (2, 3, 0, Some(2), FREE, FREE),
        (2, 3, 7, Some(2), Some(7), Some(7)),
        (3, 3, 0, Some(3), FREE, FREE),
        (3, 3, 7, Some(3), Some(7), Some(7)),
        (4, 3, 0, Some(3), Some(0), Some(0)),
        (4, 3, 7, Some(3), Some(0), Some(7)),
    ] {
        for (on_full, places) in [(OnFull::Refuse, refuse), (OnFull::Wait, wait)] {
            assert_eq!(
                slots_and_places(limits(m, r, p, on_full, Protocol::Http)),
                (slots, places),
                "M {m}, R {r}, P {p}, {on_full:?}"
            );
        }
    }
}

#[test]
fn on_http2_connections_limit_no_requests() {
    for on_full in [OnFull::Refuse, OnFull::Wait] {
        for (m, r, p) in [(2, 3, 7), (2, 0, 7), (2, 0, 0), (2, 3, 0), (4, 3, 7)] {
            assert_eq!(
                limits(m, r, p, on_full, Protocol::Http2),
                limits(0, r, p, on_full, Protocol::Http),
                "M {m}, R {r}, P {p}, {on_full:?}"
            );
        }
    }
}

#[test]
fn times_and_requests_per_connection_are_taken_over() {
    let seconds = Duration::from_secs;
    for (pool, idle, age, requests) in [
        ("tcp: {}", None, None, None),
        ("tcp: {idleTimeout: 5s}", Some(seconds(5)), None, None),
        (
            "tcp: {idleTimeout: 5s}\nhttp: {idleTimeout: 7s}",
            Some(seconds(7)),
            None,
            None,
        ),
        (
            "tcp: {idleTimeout: 0s}\nhttp: {idleTimeout: 7s}",
            Some(seconds(7)),
            None,
            None,
        ),
        ("tcp: {idleTimeout: 0s}", None, None, None),
        ("tcp: {idleTimeout: '0'}", None, None, None),
        ("tcp: {idleTimeout: 500us}", None, None, None),
        ("tcp: {idleTimeout: -500us}", None, None, None),
        (
            "tcp: {maxConnectionDuration: 1.5h}",
            None,
            Some(seconds(5400)),
            None,
        ),
        ("http: {maxRequestsPerConnection: 0}", None, None, None),
        ("http: {maxRequestsPerConnection: 9}", None, None, Some(9)),
    ] {
        let limits = accepted(rule(pool)).limits();
        assert_eq!(limits.idle_timeout, idle, "{pool}");
        assert_eq!(limits.max_connection_duration, age, "{pool}");
        let found = limits
            .max_requests_per_connection
            .map(std::num::NonZeroU32::get);
        assert_eq!(found, requests, "{pool}");
    }
}

proptest! {
    #[test]
    fn the_two_ways_differ_only_where_requests_are_tighter_and_p_is_set(
        m in 0..6u32, r in 0..6u32, p in 0..6u32, http2: bool,
    ) {
        let protocol = if http2 { Protocol::Http2 } else { Protocol::Http };
        let refuse = limits(m, r, p, OnFull::Refuse, protocol);
        let wait = limits(m, r, p, OnFull::Wait, protocol);
        let connections = if http2 || m == 0 { u32::MAX } else { m };
        let requests = if r == 0 { u32::MAX } else { r };
        let tighter = requests < connections;
        prop_assert_eq!(refuse.max_requests, wait.max_requests);
        prop_assert_eq!(
            refuse.max_requests,
            Some(connections.min(requests)).filter(|slots| *slots != u32::MAX)
        );
        prop_assert_eq!(refuse != wait, tighter && p > 0);
        if tighter {
            prop_assert_eq!(refuse.max_pending_requests, Some(0));
            prop_assert_eq!(wait.max_pending_requests, Some(p));
        } else {
            prop_assert_eq!(refuse.max_pending_requests, Some(p).filter(|places| *places > 0));
        }
    }
}
