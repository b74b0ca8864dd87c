//! The pool of a destination: nothing per request, once it has been as full before.

use std::time::Duration;

use allocation_counter::measure;
use meshpool::Limits;
use meshpool::outbound::destination::{Action, End, Expected, Machine, Placement, Protocol};

const NOW: Duration = Duration::ZERO;

#[test]
fn a_request_on_a_ready_connection_and_one_that_pends_allocate_nothing() {
    let mut actions = Vec::new();
    let mut machine = Machine::new(Limits::new().max_connections(1), Expected::Http1);
    let (mut active, _) = machine.request(NOW, &mut actions).unwrap();
    let Some(Action::Open { connection }) = actions.pop() else {
        panic!("{actions:?}")
    };
    machine.connected(connection, Protocol::Http1, NOW, &mut actions);
    let mut once = || {
        // One pends, and is attached when the one before has ended; then both end.
        let (pending, placement) = machine.request(NOW, &mut actions).unwrap();
        assert_eq!(placement, Placement::Pending);
        actions.clear();
        machine.ended(active, End::Complete, NOW, &mut actions);
        let attached = Action::Attach {
            request: pending,
            connection,
        };
        assert_eq!(actions, [attached]);
        machine.ended(pending, End::Complete, NOW, &mut actions);

        let (ready, placement) = machine.request(NOW, &mut actions).unwrap();
        assert_eq!(placement, Placement::Attached(connection));
        active = ready;
    };
    once();
    let allocated = measure(|| (0..100).for_each(|_| once()));
    assert_eq!(allocated.count_total, 0);
}
