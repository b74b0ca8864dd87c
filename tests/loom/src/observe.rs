//! Observe mode, switched while requests come and go.

use std::task::Poll;

use loom::future::block_on;

use super::{Model, check, poll};

#[test]
fn what_is_observed_becomes_a_debt_that_is_paid_in_full() {
    check(|| {
        let model = Model::new(1, 1);
        model.set_observing(true);
        let (active, pending, uncounted) = (model.hold(), model.acquire(), model.acquire());
        let pending = block_on(pending).unwrap();
        let uncounted = block_on(uncounted).unwrap();
        let threads = [
            model.spawn(move |_| drop((active, uncounted))),
            model.spawn(move |_| drop(pending)),
        ];
        model.set_observing(false);
        // From here on the limit holds.
        if let Ok(permit) = model.try_acquire() {
            assert!(model.stats().active <= 1);
            drop(permit);
        }
        for thread in threads {
            thread.join().unwrap();
        }
        model.finish(1, 1);
    });
}

#[test]
fn enforcing_refuses_nothing_that_finds_room_before_and_after() {
    check(|| {
        let model = Model::new(1, 1);
        model.set_observing(true);
        let active = model.hold();
        let pending = block_on(model.acquire()).unwrap();
        let change = model.spawn(|model| model.set_observing(false));
        // Before, all may run; after, the place is free again.
        let mut acquire = model.acquire();
        assert!(!matches!(poll(&mut acquire), Poll::Ready(Err(_))));
        change.join().unwrap();
        drop((acquire, active, pending));
        model.finish(1, 1);
    });
}

#[test]
fn observing_lets_those_run_who_wait() {
    check(|| {
        let model = Model::new(1, 1);
        let held = model.hold();
        let thread = model.spawn(|model| model.wait_and_run(1));
        model.set_observing(true);
        thread.join().unwrap();
        model.set_observing(false);
        drop(held);
        model.finish(1, 1);
    });
}

#[test]
fn idle_waits_for_the_uncounted() {
    check(|| {
        let model = Model::new(0, 0);
        model.set_observing(true);
        let uncounted = block_on(model.acquire()).unwrap();
        let waiter = model.spawn(|model| block_on(model.idle()));
        drop(uncounted);
        waiter.join().unwrap();
        model.set_observing(false);
        model.finish(0, 0);
    });
}
