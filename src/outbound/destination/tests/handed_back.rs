//! Requests that could not be sent where they were to go.

use super::super::{Action, ConnectionKey, End, Expected, Protocol};
use super::pool::{Pool, attach, close};
use crate::Limits;
use crate::admission::Resource;

#[test]
fn a_request_that_was_handed_back_goes_first() {
    let limits = Limits::new().max_connections(1).max_pending_requests(1);
    let mut pool = Pool::new(limits, Expected::Http1);
    let (a, first) = pool.first(Protocol::Http1);
    let b = pool.pend();
    assert_eq!(pool.take(), []);

    // The connection is dead. A pends although the only place is taken.
    assert_eq!(pool.hand_back(a), [close(first)]);
    assert_eq!(pool.machine.stats().rq_pending_active, 2);
    assert_eq!(pool.refused_by(), Resource::MaxPendingRequests);
    pool.closed(first);
    let second = pool.machine.connections.keys()[0];
    let second = ConnectionKey(second);
    assert_eq!(pool.connect(second, Protocol::Http1), [attach(a, second)]);
    assert_eq!(pool.end(a, End::Complete), [attach(b, second)]);
}

#[test]
fn requests_that_were_handed_back_keep_their_order() {
    let limits = Limits::new()
        .max_connections(1)
        .max_requests_per_connection(4);
    let mut pool = Pool::new(limits, Expected::Http2);
    let (a, first) = pool.first(Protocol::Http2);
    let [(b, _), (c, _), (d, _)] = [(); 3].map(|()| pool.attach());
    let e = pool.pend();
    // The connection takes none of them, and says so in the order in which they came.
    for request in [a, b, c] {
        assert_eq!(pool.hand_back(request), []);
    }
    assert_eq!(pool.hand_back(d), [close(first)]);
    assert_eq!(pool.machine.pending(), [a, b, c, d, e]);

    // Those that leave make room for nobody to overtake.
    pool.cancel(d);
    pool.cancel(b);
    assert_eq!(pool.machine.pending(), [a, c, e]);
}

#[test]
fn one_is_handed_back_behind_those_only_that_were_before_it() {
    let limits = Limits::new().max_connections(2).max_concurrent_streams(1);
    let mut pool = Pool::new(limits, Expected::Http2);
    let (a, _) = pool.first(Protocol::Http2);
    let (b, _) = pool.first(Protocol::Http2);
    let c = pool.pend();
    pool.hand_back(a);
    pool.cancel(a);
    // Nobody is left whom it would be behind.
    pool.hand_back(b);
    assert_eq!(pool.machine.pending(), [b, c]);
}

#[test]
fn a_request_that_was_handed_back_takes_a_ready_connection_at_once() {
    let mut pool = Pool::new(Limits::new(), Expected::Http1);
    let (a, first) = pool.first(Protocol::Http1);
    let (b, second) = pool.first(Protocol::Http1);
    pool.end(b, End::Complete);
    assert_eq!(pool.hand_back(a), [close(first), attach(a, second)]);
}

#[test]
fn a_request_can_be_handed_back_after_its_connection_has_closed() {
    let mut pool = Pool::new(Limits::new(), Expected::Http1);
    let (a, first) = pool.first(Protocol::Http1);
    assert_eq!(pool.closed(first), []);
    assert!(matches!(pool.hand_back(a)[..], [Action::Open { .. }]));
    assert_eq!(pool.machine.pending(), [a]);
}

#[test]
fn nothing_is_refused_when_a_request_is_handed_back_under_a_lowered_limit() {
    let mut pool = Pool::new(Limits::new(), Expected::Http1);
    let (a, first) = pool.first(Protocol::Http1);
    let (b, second) = pool.first(Protocol::Http1);
    let (c, _) = pool.first(Protocol::Http1);
    let max_requests = |max| Limits::new().max_connections(3).max_requests(max);
    assert_eq!(pool.set(max_requests(1)), []);
    assert_eq!(pool.end(a, End::Complete), []);

    // There is a ready connection, and no room for an active request: it waits for that.
    assert_eq!(pool.hand_back(b), [close(second)]);
    assert_eq!(pool.machine.pending(), [b]);
    assert_eq!(pool.closed(second), []);
    let attached = pool.end(c, End::Complete);
    assert!(
        matches!(attached[..], [Action::Attach { request, .. }] if request == b),
        "{attached:?}"
    );
    assert_ne!(first, second);
}
