//! What no scenario shows: negotiated protocols, deadlines, changes of every limit, the end of a
//! destination.

use super::super::{Action, End, Expected, Failure, Protocol, Side};
use super::pool::{Destroyed, Pool, attach, close, ms};
use crate::Limits;
use crate::admission::Resource;
use crate::limits::RetryBudget;

#[test]
fn a_connection_to_be_negotiated_counts_as_http2_until_it_says_otherwise() {
    let mut pool = Pool::new(Limits::new(), Expected::Negotiated);
    let requests: Vec<_> = (0..6).map(|_| pool.pend()).collect();
    let [first] = pool.opened()[..] else {
        panic!("one for all")
    };
    assert_eq!(pool.machine.stats().counters.cx_http2_total, 0, "unknown");

    // It is HTTP/1: the others need connections of their own, opened a few at a time.
    let actions = pool.connect(first, Protocol::Http1);
    assert_eq!(actions[0], attach(requests[0], first));
    assert_eq!(actions.len(), 1 + 3);
    assert_eq!(pool.machine.stats().counters.cx_http1_total, 1);
}

#[test]
fn an_http2_connection_takes_all_that_pend() {
    let mut pool = Pool::new(Limits::new(), Expected::Negotiated);
    let requests: Vec<_> = (0..3).map(|_| pool.pend()).collect();
    let connection = pool.opened()[0];
    let attached: Vec<_> = requests
        .iter()
        .map(|one| attach(*one, connection))
        .collect();
    assert_eq!(pool.connect(connection, Protocol::Http2), attached);
    assert_eq!(pool.machine.stats().counters.cx_http2_total, 1);
}

#[test]
fn a_stream_that_is_cancelled_leaves_its_connection_and_has_used_up_a_request() {
    let limits = Limits::new().max_requests_per_connection(2);
    let mut pool = Pool::new(limits, Expected::Http2);
    let (a, connection) = pool.first(Protocol::Http2);
    assert_eq!(pool.cancel(a), []);
    let (b, again) = pool.attach();
    assert_eq!(again, connection);
    assert_eq!(pool.machine.stats().counters.cx_max_requests, 1);
    assert_eq!(pool.cancel(b), [close(connection)]);
    assert_eq!(pool.machine.stats().counters.rq_tx_reset, 2);
}

#[test]
fn a_reset_stream_leaves_its_connection() {
    let mut pool = Pool::new(Limits::new(), Expected::Http2);
    let (a, connection) = pool.first(Protocol::Http2);
    assert_eq!(pool.end(a, End::Reset), []);
    assert_eq!(pool.attach().1, connection);
    assert_eq!(pool.machine.stats().counters.rq_rx_reset, 1);
}

#[test]
fn a_stream_that_this_side_resets_leaves_its_connection_and_counts_apart() {
    let mut pool = Pool::new(Limits::new(), Expected::Http2);
    let (a, connection) = pool.first(Protocol::Http2);
    assert_eq!(pool.end(a, End::Aborted), []);
    assert_eq!(pool.attach().1, connection);
    let counters = pool.machine.stats().counters;
    assert_eq!((counters.rq_rx_reset, counters.rq_tx_reset), (0, 1));
}

#[test]
fn connection_close_ends_an_http1_connection_and_drains_an_http2_one() {
    let mut pool = Pool::new(Limits::new(), Expected::Http1);
    let (a, connection) = pool.first(Protocol::Http1);
    assert_eq!(pool.end(a, End::CompleteAndClose), [close(connection)]);

    let mut pool = Pool::new(Limits::new(), Expected::Http2);
    let (a, connection) = pool.first(Protocol::Http2);
    let (b, _) = pool.attach();
    assert_eq!(pool.end(a, End::CompleteAndClose), []);
    pool.pend();
    assert_eq!(pool.opened().len(), 1);
    assert_eq!(pool.end(b, End::Complete), [close(connection)]);
}

#[test]
fn settings_reach_the_queue_down_to_zero_and_up_again() {
    let mut pool = Pool::new(Limits::new().max_connections(1), Expected::Http2);
    let (a, connection) = pool.first(Protocol::Http2);
    assert_eq!(pool.settings(connection, 0), []);
    let b = pool.pend();
    assert_eq!(pool.end(a, End::Complete), []);
    assert_eq!(pool.settings(connection, 1), [attach(b, connection)]);
    let c = pool.pend();
    assert_eq!(pool.settings(connection, 2), [attach(c, connection)]);
}

#[test]
fn settings_before_the_connection_is_there_count() {
    let mut pool = Pool::new(Limits::new(), Expected::Http2);
    let a = pool.pend();
    let first = pool.opened()[0];
    assert_eq!(pool.settings(first, 1), []);
    pool.pend();
    assert_eq!(pool.opened().len(), 1, "the first takes one alone");
    assert_eq!(pool.connect(first, Protocol::Http2), [attach(a, first)]);
}

#[test]
fn room_that_is_made_does_not_refuse_those_who_pend() {
    let limits = Limits::new()
        .max_requests(1)
        .max_connections(1)
        .max_concurrent_streams(1);
    let mut pool = Pool::new(limits, Expected::Http2);
    let (a, connection) = pool.first(Protocol::Http2);
    let b = pool.pend();

    // A ready connection, and no room: b stays, and nobody overtakes it.
    assert_eq!(pool.set(limits.max_concurrent_streams(9)), []);
    assert_eq!(pool.refused_by(), Resource::MaxRequests);
    assert_eq!(pool.cancel(a), [attach(b, connection)]);
}

#[test]
fn a_raised_limit_opens_all_connections_that_are_wanted() {
    let mut pool = Pool::new(Limits::new().max_connections(1), Expected::Http1);
    let (a, first) = pool.first(Protocol::Http1);
    let pending: Vec<_> = (0..9).map(|_| pool.pend()).collect();
    assert_eq!(pool.take(), []);
    let overflow = pool.machine.stats().counters.cx_overflow;
    pool.set(Limits::new().max_connections(6));
    let stats = pool.machine.stats();
    assert_eq!((stats.cx_active, stats.counters.cx_overflow), (6, overflow));
    assert_eq!(pool.end(a, End::Complete)[0], attach(pending[0], first));
}

#[test]
fn a_raised_limit_on_requests_opens_what_was_held_back() {
    let limits = Limits::new().max_requests(1).max_connections(1);
    let mut pool = Pool::new(limits, Expected::Http1);
    let (_a, _) = pool.first(Protocol::Http1);
    pool.pend();
    assert_eq!(
        pool.set(limits.max_connections(2)),
        [],
        "it would be refused on it"
    );
    assert_eq!(pool.machine.stats().rq_pending_active, 1);
    pool.set(limits.max_connections(2).max_requests(2));
    assert_eq!(pool.machine.stats().cx_active, 2);
}

#[test]
fn a_change_opens_no_more_connections_than_there_is_room_for_requests() {
    let limits = Limits::new().max_connections(1);
    let mut pool = Pool::new(limits, Expected::Http1);
    let (a, first) = pool.first(Protocol::Http1);
    let pending: Vec<_> = (0..4).map(|_| pool.pend()).collect();
    // Two may join the one that is active, and the others are not refused for it.
    let opened = pool.set(Limits::new().max_requests(3));
    let [
        Action::Open { connection: second },
        Action::Open { connection: third },
    ] = opened[..]
    else {
        panic!("{opened:?}");
    };
    for (connection, request) in [(second, pending[0]), (third, pending[1])] {
        let actions = pool.connect(connection, Protocol::Http1);
        assert_eq!(actions, [attach(request, connection)]);
    }
    // Whoever ends makes room for one.
    assert_eq!(pool.end(a, End::Complete), [attach(pending[2], first)]);
    let actions = pool.cancel(pending[0]);
    assert!(
        matches!(actions[..], [Action::Close { connection }, Action::Open { .. }] if connection == second),
        "{actions:?}"
    );
}

#[test]
fn what_pends_when_max_requests_is_lowered_is_not_refused_by_it() {
    let mut pool = Pool::new(Limits::new().max_connections(1), Expected::Http2);
    let pending: Vec<_> = (0..4).map(|_| pool.pend()).collect();
    let connection = pool.opened()[0];
    assert_eq!(pool.set(Limits::new().max_requests(2)), []);
    // It could carry all of them.
    let attached = pool.connect(connection, Protocol::Http2);
    let two = [0, 1].map(|at| attach(pending[at], connection));
    assert_eq!(attached, two);
    assert_eq!(pool.refused_by(), Resource::MaxRequests, "a newcomer");
    for (ended, next) in [(0, 2), (1, 3)] {
        let attached = pool.end(pending[ended], End::Complete);
        assert_eq!(attached, [attach(pending[next], connection)]);
    }

    // Who comes after the change is.
    let mut pool = Pool::new(Limits::new().max_requests(3), Expected::Http2);
    let spared = pool.pend();
    let connection = pool.opened()[0];
    assert_eq!(pool.set(Limits::new().max_requests(1)), []);
    let late = pool.pend();
    let actions = pool.connect(connection, Protocol::Http2);
    assert_eq!(actions[0], attach(spared, connection));
    assert!(
        matches!(actions[1..], [Action::Refuse { request, .. }] if request == late),
        "{actions:?}"
    );
}

#[test]
fn what_was_held_back_gets_a_connection_when_there_is_room() {
    let limits = Limits::new().max_requests(2).max_connections(1);
    let mut pool = Pool::new(limits, Expected::Http2);
    let (a, connection) = pool.first(Protocol::Http2);
    let (_b, _) = pool.attach();
    pool.machine
        .go_away(connection, pool.now, &mut pool.actions);
    pool.pend();
    assert_eq!(pool.set(limits.max_connections(2)), []);
    assert!(matches!(
        pool.end(a, End::Complete)[..],
        [Action::Open { .. }]
    ));
}

#[test]
fn max_requests_of_zero_refuses_what_pends_and_leaves_what_is_active() {
    let limits = Limits::new().max_connections(1);
    let mut pool = Pool::new(limits, Expected::Http1);
    let (a, connection) = pool.first(Protocol::Http1);
    let b = pool.pend();
    assert_eq!(pool.set(limits.max_requests(0)), []);
    let refused = pool.end(a, End::Complete);
    assert!(matches!(refused[..], [Action::Refuse { request, .. }] if request == b));
    assert_eq!(pool.refused_by(), Resource::MaxRequests);
    assert_eq!(pool.set(limits), []);
    assert_eq!(pool.attach().1, connection);
}

#[test]
fn a_lowered_lifetime_drains_those_that_have_had_it() {
    let mut pool = Pool::new(Limits::new(), Expected::Http1);
    let (a, first) = pool.first(Protocol::Http1);
    let (b, second) = pool.first(Protocol::Http1);
    pool.end(b, End::Complete);
    let limits = Limits::new().max_requests_per_connection(1);
    assert_eq!(pool.set(limits), [close(second)]);
    assert_eq!(pool.end(a, End::Complete), [close(first)]);
    assert_eq!(pool.machine.stats().counters.cx_max_requests, 2);
}

#[test]
fn idle_connections_beyond_a_lowered_limit_close_the_longest_idle_first() {
    let mut pool = Pool::new(Limits::new(), Expected::Http1);
    let (a, first) = pool.first(Protocol::Http1);
    let (b, second) = pool.first(Protocol::Http1);
    let (c, third) = pool.first(Protocol::Http1);
    for request in [b, a, c] {
        assert_eq!(pool.end(request, End::Complete), []);
    }
    let limits = Limits::new().max_connections(1);
    assert_eq!(pool.set(limits), [close(second), close(first)]);
    assert_eq!(pool.attach().1, third);
}

#[test]
fn deadlines_are_told_and_met() {
    let limits = Limits::new()
        .connect_timeout(ms(10))
        .idle_timeout(ms(20))
        .max_connection_duration(ms(100));
    let mut pool = Pool::new(limits, Expected::Http1);
    assert_eq!(pool.machine.next_deadline(), None);
    let a = pool.pend();
    let first = pool.opened()[0];
    assert_eq!(pool.machine.next_deadline(), Some(ms(10)));

    // A connect that takes too long.
    assert_eq!(pool.tick(ms(9)), []);
    let failure = Failure::ConnectTimedOut;
    let failed = Action::Fail {
        request: a,
        failure,
    };
    assert_eq!(pool.tick(ms(10)), [close(first), failed]);
    assert_eq!(pool.machine.next_deadline(), None);
    assert_eq!(pool.closed(first), []);

    // One that idles.
    let (b, second) = pool.first(Protocol::Http1);
    assert_eq!(pool.machine.next_deadline(), Some(ms(110)), "its age");
    pool.now = ms(30);
    pool.end(b, End::Complete);
    assert_eq!(pool.machine.next_deadline(), Some(ms(50)));
    assert_eq!(pool.tick(ms(50)), [close(second)]);
    pool.closed(second);

    // One that gets old.
    let (c, third) = pool.first(Protocol::Http1);
    assert_eq!(pool.tick(ms(150)), []);
    assert_eq!(pool.machine.next_deadline(), None);
    assert_eq!(pool.end(c, End::Complete), [close(third)]);
}

#[test]
fn a_changed_timeout_holds_for_those_who_wait_already() {
    let mut pool = Pool::new(Limits::new(), Expected::Http1);
    let (a, connection) = pool.first(Protocol::Http1);
    pool.end(a, End::Complete);
    assert_eq!(pool.machine.next_deadline(), None);
    pool.set(Limits::new().idle_timeout(ms(5)));
    assert_eq!(pool.machine.next_deadline(), Some(ms(5)));
    assert_eq!(pool.tick(ms(5)), [close(connection)]);
}

#[test]
fn a_slot_is_held_until_the_socket_is_gone() {
    let limits = Limits::new()
        .max_connections(1)
        .max_requests_per_connection(1);
    let mut pool = Pool::new(limits, Expected::Http1);
    let (a, first) = pool.first(Protocol::Http1);
    assert_eq!(pool.end(a, End::Complete), [close(first)]);
    pool.pend();
    assert_eq!(pool.take(), [], "one at a time, even while one closes");
    assert!(matches!(pool.closed(first)[..], [Action::Open { .. }]));
}

#[test]
fn a_closed_destination_serves_what_it_has_and_is_empty_then() {
    let limits = Limits::new().max_connections(1);
    let mut pool = Pool::new(limits, Expected::Http1);
    let (a, connection) = pool.first(Protocol::Http1);
    let b = pool.pend();
    pool.machine.close(pool.now, &mut pool.actions);
    assert_eq!(pool.take(), []);
    assert!(pool.machine.is_closed());
    assert_eq!(pool.refused_by(), Resource::Closed);
    assert_eq!(pool.end(a, End::Complete), [attach(b, connection)]);
    assert_eq!(pool.end(b, End::Complete), [close(connection)]);
    assert!(!pool.machine.is_empty());
    assert_eq!(pool.closed(connection), []);
    assert!(pool.machine.is_empty());
}

#[test]
fn a_connection_that_was_opened_in_vain_closes_with_the_destination() {
    let mut pool = Pool::new(Limits::new(), Expected::Http1);
    let a = pool.pend();
    let connection = pool.opened()[0];
    assert_eq!(pool.cancel(a), []);
    pool.machine.close(pool.now, &mut pool.actions);
    assert_eq!(
        pool.connect(connection, Protocol::Http1),
        [close(connection)]
    );
}

#[test]
fn retries_have_their_own_limit() {
    let mut pool = Pool::new(Limits::new().max_retries(1), Expected::Http1);
    assert!(pool.machine.retry(0));
    assert!(!pool.machine.retry(0));
    assert!(pool.machine.stats().circuit_breakers.rq_retry_open);
    pool.machine.retry_ended();
    assert!(pool.machine.retry(0));
    let counters = pool.machine.stats().counters;
    assert_eq!((counters.rq_retry, counters.rq_retry_overflow), (2, 1));

    pool.set(Limits::new().max_retries(0));
    pool.machine.retry_ended();
    assert!(!pool.machine.retry(0));
}

#[test]
fn a_retry_budget_is_a_share_of_what_is_active_and_what_pends() {
    let budget = RetryBudget::new().percent(50.0).min_concurrency(0);
    let limits = Limits::new().max_connections(1).retry_budget(budget);
    let mut pool = Pool::new(limits, Expected::Http1);
    pool.first(Protocol::Http1);
    assert!(!pool.machine.retry(0), "half a request");
    // The attempt that has just ended counts as well.
    assert!(pool.machine.retry(1));
    pool.machine.retry_ended();
    for _ in 0..3 {
        pool.pend();
    }
    assert!(pool.machine.retry(0));
    assert!(pool.machine.retry(0));
    assert!(!pool.machine.retry(0));
}

#[test]
fn an_unlimited_machine_tells_no_remainder() {
    let pool = Pool::new(Limits::new(), Expected::Http1);
    let stats = pool.machine.stats();
    assert!(!stats.named().any(|(name, _)| name.contains("remaining")));
    assert!(stats.named().all(|(_, value)| value == 0));
}

#[test]
fn what_carries_more_streams_than_it_now_may_takes_none_until_they_have_ended() {
    let mut pool = Pool::new(Limits::new().max_connections(1), Expected::Http2);
    let (a, connection) = pool.first(Protocol::Http2);
    let (b, _) = pool.attach();
    let limits = Limits::new().max_connections(1);
    pool.set(limits.max_concurrent_streams(1));
    let c = pool.pend();
    assert_eq!(pool.end(a, End::Complete), []);
    assert_eq!(pool.end(b, End::Complete), [attach(c, connection)]);
}

#[test]
fn a_connection_that_is_gone_before_its_response_is_read_was_not_lost_if_that_is_complete() {
    for (end, local, under_request) in [
        // What was announced is this side's to do, whoever was first.
        (End::CompleteAndClose, 1, 0),
        (End::Complete, 0, 0),
        (End::CompleteAndLost, 0, 0),
        (End::Lost, 0, 1),
        (End::Reset, 0, 1),
        (End::Aborted, 0, 1),
    ] {
        let mut pool = Pool::new(Limits::new().max_connections(1), Expected::Http1);
        let (a, first) = pool.first(Protocol::Http1);
        let b = pool.pend();
        // The queue does not wait for whoever reads.
        let [Action::Open { connection }] = pool.gone(first, Side::Remote)[..] else {
            panic!("a connection for b");
        };
        assert_eq!(
            pool.connect(connection, Protocol::Http1),
            [attach(b, connection)]
        );
        assert_eq!(pool.machine.stats().rq_active, 1);
        let unknown = Destroyed {
            all: 1,
            local: 0,
            remote: 0,
            under_request: 0,
        };
        assert_eq!(pool.destroyed(), unknown);
        assert_eq!(pool.end(a, end), []);
        let known = Destroyed {
            all: 1,
            local,
            remote: 1 - local,
            under_request,
        };
        assert_eq!(pool.destroyed(), known, "{end:?}");
        let notified = u64::from(end == End::CompleteAndClose);
        assert_eq!(pool.machine.stats().counters.cx_close_notify, notified);
    }
}

#[test]
fn a_caller_that_leaves_after_its_connection_has_left_it_to_the_peer() {
    let mut pool = Pool::new(Limits::new(), Expected::Http1);
    let (a, connection) = pool.first(Protocol::Http1);
    assert_eq!(pool.gone(connection, Side::Remote), []);
    assert_eq!(pool.cancel(a), []);
    let counters = pool.machine.stats().counters;
    assert_eq!(counters.cx_destroy_remote_with_active_rq, 1);
    assert_eq!(counters.cx_destroy_local, 0);
    assert!(pool.machine.is_empty());
}

#[test]
fn whose_request_was_reset_tells_who_ended_a_connection_and_otherwise_it_is_whoever_asked() {
    let mut pool = Pool::new(Limits::new(), Expected::Http1);
    let (a, first) = pool.first(Protocol::Http1);
    assert_eq!(pool.end(a, End::Reset), [close(first)]);
    pool.gone(first, Side::Remote);
    let (b, second) = pool.first(Protocol::Http1);
    assert_eq!(pool.cancel(b), [close(second)]);
    pool.gone(second, Side::Remote);
    let both = Destroyed {
        all: 2,
        local: 1,
        remote: 1,
        under_request: 2,
    };
    assert_eq!(pool.destroyed(), both);
}

#[test]
fn an_idle_connection_closes_when_the_driver_wants_it_and_nothing_says_that_the_peer_did() {
    let mut pool = Pool::new(Limits::new(), Expected::Http2);
    let (a, connection) = pool.first(Protocol::Http2);
    let want = |pool: &mut Pool| {
        pool.machine
            .close_idle(connection, pool.now, &mut pool.actions);
        pool.take()
    };
    assert_eq!(want(&mut pool), [], "there is a request on it");
    pool.end(a, End::Complete);
    assert_eq!(want(&mut pool), [close(connection)]);
    assert_eq!(want(&mut pool), [], "once");
    assert_eq!(pool.machine.stats().counters.cx_close_notify, 0);
}

#[test]
fn the_time_of_a_connect_that_is_postponed_starts_when_it_begins() {
    let mut pool = Pool::new(Limits::new().connect_timeout(ms(10)), Expected::Http1);
    let a = pool.pend();
    let connection = pool.opened()[0];
    pool.machine.connect_postponed(connection);
    pool.machine.connect_postponed(connection);
    assert_eq!(pool.machine.next_deadline(), None);
    assert_eq!(pool.tick(ms(50)), []);
    pool.machine.connect_begins(connection, pool.now);
    pool.machine.connect_begins(connection, ms(55));
    assert_eq!(pool.machine.next_deadline(), Some(ms(60)));
    assert_eq!(
        pool.tick(ms(60)).len(),
        2,
        "it closes, and the request fails"
    );

    // One that is given up before it begins.
    let b = pool.pend();
    let connection = pool.opened()[0];
    pool.machine.connect_postponed(connection);
    assert_eq!(pool.cancel(b), [close(connection)]);
    pool.closed(connection);
    pool.machine.connect_begins(connection, pool.now);
    assert_eq!(pool.cancel(a), [], "stale");
    assert_eq!(pool.machine.next_deadline(), None);
}

#[test]
fn no_more_connects_are_postponed_than_there_are_requests_for_them() {
    let mut pool = Pool::new(Limits::new(), Expected::Http1);
    let requests = [(); 4].map(|()| pool.pend());
    let [first, second, third, fourth] = pool.opened()[..] else {
        panic!("one for each");
    };
    for connection in [second, third, fourth] {
        pool.machine.connect_postponed(connection);
    }
    // The last to have been asked for is the first that is not needed.
    assert_eq!(pool.cancel(requests[0]), [close(fourth)]);
    pool.closed(fourth);
    // One that has begun serves others, if there are any.
    assert_eq!(pool.machine.longest_connecting(), Some(first));
    let actions = &mut pool.actions;
    pool.machine.close_idle(first, pool.now, actions);
    assert_eq!(pool.take(), [], "three pend");
    // If that fails they all do, and the others are for nobody.
    let actions = pool.closed(first);
    let closes = |connection| actions.contains(&close(connection));
    assert_eq!(
        (actions.len(), closes(second), closes(third)),
        (5, true, true)
    );
    for connection in [second, third] {
        pool.closed(connection);
    }
    assert!(pool.machine.is_empty());

    // One that has begun, and for nobody.
    let last = pool.pend();
    let connection = pool.opened()[0];
    assert_eq!(pool.cancel(last), []);
    let actions = &mut pool.actions;
    pool.machine.close_idle(connection, pool.now, actions);
    assert_eq!(pool.take(), [close(connection)]);
    pool.closed(connection);
    assert_eq!(pool.machine.stats().counters.cx_connect_fail, 1);
}

#[test]
fn a_retry_that_is_yet_to_come_keeps_its_destination() {
    let mut pool = Pool::new(Limits::new().max_retries(1), Expected::Http1);
    assert!(pool.machine.retry(0));
    assert!(!pool.machine.is_empty());
    pool.machine.retry_ended();
    assert!(pool.machine.is_empty());
}

#[test]
fn an_http2_connection_is_lost_under_those_whose_end_says_so() {
    let mut pool = Pool::new(Limits::new(), Expected::Http2);
    let (a, connection) = pool.first(Protocol::Http2);
    let rest: Vec<_> = (0..6).map(|_| pool.attach().0).collect();
    // The first to notice, before the socket is gone: nobody else goes there.
    assert_eq!(pool.end(a, End::Lost), []);
    pool.pend();
    assert_eq!(pool.opened().len(), 1);
    assert_eq!(pool.gone(connection, Side::Remote), []);
    assert_eq!(pool.machine.stats().counters.cx_destroy_remote, 1);
    let ends = [
        End::Complete,
        End::Reset,
        End::Aborted,
        End::Refused,
        End::CompleteAndLost,
    ];
    for (request, end) in rest.iter().zip(ends) {
        assert_eq!(pool.end(*request, end), []);
    }
    pool.cancel(rest[5]);
    let counters = pool.machine.stats().counters;
    assert_eq!(counters.rq_pending_failure_eject, 2);
    assert_eq!((counters.rq_rx_reset, counters.rq_tx_reset), (1, 1));
    assert_eq!(counters.cx_destroy_remote_with_active_rq, 1);
    assert_eq!(counters.cx_destroy, 1);
}

#[test]
fn an_http2_connection_that_is_gone_when_all_is_said_is_not_lost() {
    let mut pool = Pool::new(Limits::new(), Expected::Http2);
    let (a, connection) = pool.first(Protocol::Http2);
    let (b, _) = pool.attach();
    pool.machine
        .go_away(connection, pool.now, &mut pool.actions);
    assert_eq!(pool.gone(connection, Side::Local), []);
    for request in [a, b] {
        pool.end(request, End::Complete);
    }
    let counters = pool.machine.stats().counters;
    assert_eq!(counters.cx_destroy_with_active_rq, 0);
    assert_eq!(counters.rq_pending_failure_eject, 0);
    assert_eq!(counters.cx_destroy_local, 1);
    assert!(pool.machine.is_empty());
}

#[test]
fn it_is_idle_since_its_last_connection_is_and_only_with_nothing_to_do() {
    let mut pool = Pool::new(Limits::new(), Expected::Http1);
    assert_eq!(pool.machine.idle_since(), None, "empty is not idle");
    let (a, _) = pool.first(Protocol::Http1);
    let (b, _) = pool.first(Protocol::Http1);
    for (request, now) in [(a, 1), (b, 2)] {
        assert_eq!(pool.machine.idle_since(), None, "a request is active");
        pool.now = ms(now);
        pool.end(request, End::Complete);
    }
    assert_eq!(pool.machine.idle_since(), Some(ms(2)));
    assert!(pool.machine.retry(0));
    assert_eq!(pool.machine.idle_since(), None, "a retry is to come");
    pool.machine.retry_ended();
    assert_eq!(pool.machine.idle_since(), Some(ms(2)));
    let (c, connection) = pool.attach();
    pool.end(c, End::CompleteAndClose);
    assert_eq!(pool.machine.idle_since(), Some(ms(1)));
    pool.closed(connection);

    // One that connects for nobody is of no use either.
    let (d, _) = pool.attach();
    let e = pool.pend();
    let [connecting] = pool.opened()[..] else {
        panic!("one")
    };
    pool.cancel(e);
    assert_eq!(pool.machine.idle_since(), None);
    pool.now = ms(3);
    pool.end(d, End::Complete);
    assert_eq!(pool.machine.idle_since(), Some(ms(3)));
    let actions = &mut pool.actions;
    pool.machine.close_unused(pool.now, actions);
    assert_eq!(pool.take().len(), 2);
    assert_eq!(pool.machine.idle_since(), None, "both are closing");
    pool.closed(connecting);
    assert_eq!(pool.machine.stats().counters.cx_connect_fail, 0);
}
