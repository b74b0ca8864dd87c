//! What a crowd leaves behind: nothing.

use std::time::Duration;

use super::super::{Action, Expected, Machine, Placement, RequestKey, Side};
use crate::Limits;

const CROWD: usize = 100_000;

/// A machine whose only connection never comes, and the crowd that waits for it.
fn crowd(actions: &mut Vec<Action>) -> (Machine, Vec<RequestKey>) {
    let mut machine = Machine::new(Limits::new().max_connections(1), Expected::Http1);
    let requests = (0..CROWD).map(|_| match machine.request(Duration::ZERO, actions) {
        Ok((request, Placement::Pending)) => request,
        other => panic!("{other:?}"),
    });
    let requests = requests.collect();
    (machine, requests)
}

#[test]
fn a_queue_that_has_emptied_gives_its_memory_back() {
    let (mut machine, requests) = crowd(&mut Vec::new());
    assert!(machine.requests.capacity() >= CROWD);
    for request in requests {
        machine.cancelled(request, Duration::ZERO, &mut Vec::new());
    }
    assert_eq!(machine.requests.capacity(), 0);
    assert_eq!(machine.stats().counters.rq_cancelled, CROWD as u64);
}

#[test]
fn a_key_from_before_the_memory_was_given_back_is_stale_after_it() {
    let mut actions = Vec::new();
    let (mut machine, requests) = crowd(&mut actions);
    for request in &requests {
        machine.cancelled(*request, Duration::ZERO, &mut actions);
    }
    let again = machine.request(Duration::ZERO, &mut actions);
    let Ok((again, Placement::Pending)) = again else {
        panic!("{again:?}")
    };
    assert_eq!(again.index(), requests[0].index());
    machine.cancelled(requests[0], Duration::ZERO, &mut actions);
    assert_eq!(machine.pending(), [again]);
}

#[test]
fn a_failed_connect_fails_a_crowd_in_its_order() {
    let mut actions = Vec::new();
    let (mut machine, requests) = crowd(&mut actions);
    let Some(Action::Open { connection }) = actions.pop() else {
        panic!("{actions:?}")
    };
    machine.closed(connection, Side::Local, Duration::ZERO, &mut actions);
    let failed = actions.iter().map(|action| match action {
        Action::Fail { request, .. } => *request,
        other => panic!("{other:?}"),
    });
    assert!(failed.eq(requests));
    assert!(machine.is_empty());
}
