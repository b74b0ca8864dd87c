//! Futures that are dropped, or whose time is up, while a grant is on its way.

use super::{Model, check};

#[test]
fn a_slot_granted_to_a_dropped_future_goes_to_the_next() {
    check(|| {
        let model = Model::new(1, 2);
        let held = model.hold();
        let dropped = model.queue_up();
        let next = model.queue_up();
        let cancel = model.spawn(move |_| drop(dropped));
        let waiter = model.spawn_waiter(next, 1);
        drop(held);
        cancel.join().unwrap();
        waiter.join().unwrap();
        model.finish(1, 2);
    });
}

#[test]
fn a_dropped_future_gives_its_place_to_others() {
    check(|| {
        let model = Model::new(1, 1);
        let held = model.hold();
        let dropped = model.queue_up();
        let cancel = model.spawn(move |model| {
            drop(dropped);
            // The place is free from here on, and so may the slot be.
            model.wait_and_run(1);
        });
        drop(held);
        cancel.join().unwrap();
        model.finish(1, 1);
    });
}

#[test]
fn a_grant_before_the_timer_is_served_and_one_after_it_goes_to_the_next() {
    check(|| {
        let model = Model::new(1, 2);
        let held = model.hold();
        let mut late = model.queue_up();
        let next = model.queue_up();
        let timer = model.spawn(move |model| {
            if let Some(permit) = late.time_out() {
                model.run(permit, 1);
            }
        });
        let waiter = model.spawn_waiter(next, 1);
        drop(held);
        timer.join().unwrap();
        waiter.join().unwrap();
        model.finish(1, 2);
    });
}

#[test]
fn raise_and_cancel_at_once_lose_no_slot() {
    check(|| {
        let model = Model::new(0, 2);
        let dropped = model.queue_up();
        let next = model.queue_up();
        let cancel = model.spawn(move |_| drop(dropped));
        let waiter = model.spawn_waiter(next, 1);
        model.update(1, 2);
        cancel.join().unwrap();
        waiter.join().unwrap();
        model.finish(1, 2);
    });
}
