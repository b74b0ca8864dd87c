//! Places: bounded, first in first out, and nobody waits for ever.

use std::sync::Arc;
use std::task::Poll;

use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::{Model, check, poll};

#[test]
fn never_more_wait_than_there_are_places() {
    check(|| {
        let model = Model::new(1, 1);
        let held = model.hold();
        let body = |model: Model| {
            let mut acquire = model.acquire();
            let refused = matches!(poll(&mut acquire), Poll::Ready(Err(_)));
            assert!(model.stats().pending <= 1);
            (acquire, refused)
        };
        let threads = [model.spawn(body), model.spawn(body)];
        let results = threads.map(|thread| thread.join().unwrap());
        // One place: one waits, and one is refused.
        assert_eq!(results.iter().filter(|(_, refused)| *refused).count(), 1);
        drop(results);
        drop(held);
        model.finish(1, 1);
    });
}

#[test]
fn no_wakeup_is_lost() {
    check(|| {
        let model = Model::new(1, 1);
        let held = model.hold();
        let thread = model.spawn(|model| model.wait_and_run(1));
        drop(held);
        thread.join().unwrap();
        model.finish(1, 1);
    });
}

#[test]
fn no_wakeup_is_lost_when_two_wait_and_two_release() {
    check(|| {
        let model = Model::new(2, 2);
        let held = [model.hold(), model.hold()];
        let [first, second] = held;
        let threads = [
            model.spawn(|model| {
                drop(first);
                model.wait_and_run(2);
            }),
            model.spawn(|model| {
                drop(second);
                model.wait_and_run(2);
            }),
        ];
        for thread in threads {
            thread.join().unwrap();
        }
        model.finish(2, 2);
    });
}

#[test]
fn no_wakeup_is_lost_when_the_waker_changes() {
    check(|| {
        let model = Model::new(1, 1);
        let held = model.hold();
        let acquire = model.queue_up();
        let thread = model.spawn_waiter(acquire, 1);
        drop(held);
        thread.join().unwrap();
        model.finish(1, 1);
    });
}

#[test]
fn slots_go_to_the_first_in_the_queue() {
    check(|| {
        let model = Model::new(2, 3);
        let (first, second) = (model.hold(), model.hold());
        let [mut a, mut b, mut c] = [(); 3].map(|()| model.queue_up());
        let threads = [
            model.spawn(move |_| drop(first)),
            model.spawn(move |_| drop(second)),
        ];
        // At any moment: whoever has a slot, those before it have one, too.
        assert!(poll(&mut c).is_pending(), "two slots came free");
        let after = poll(&mut b);
        let before = poll(&mut a);
        assert!(after.is_pending() || before.is_ready());
        for thread in threads {
            thread.join().unwrap();
        }
        let first = if before.is_pending() {
            poll(&mut a)
        } else {
            before
        };
        let second = if after.is_pending() {
            poll(&mut b)
        } else {
            after
        };
        assert!(matches!(
            (&first, &second),
            (Poll::Ready(Ok(_)), Poll::Ready(Ok(_)))
        ));
        assert!(poll(&mut c).is_pending());
        drop((first, second, a, b, c));
        model.finish(2, 3);
    });
}

#[test]
fn a_grant_shows_what_was_done_in_the_slot() {
    check(|| {
        let model = Model::new(1, 1);
        let held = model.hold();
        let mut acquire = model.queue_up();
        let done = Arc::new(AtomicU32::new(0));
        let thread = model.spawn({
            let done = done.clone();
            move |_| {
                done.store(1, Relaxed);
                drop(held);
            }
        });
        // Polled out of its own accord: no wake-up orders the two.
        let granted = poll(&mut acquire);
        assert!(granted.is_pending() || done.load(Relaxed) == 1);
        drop(granted);
        thread.join().unwrap();
        drop(acquire);
        model.finish(1, 1);
    });
}

#[test]
fn a_newcomer_cannot_overtake() {
    check(|| {
        let model = Model::new(1, 2);
        let held = model.hold();
        let mut waiting = model.queue_up();
        let release = model.spawn(move |_| drop(held));
        // The slot is never free for a newcomer: it goes from one hand to the other.
        let barging = model.spawn(|model| assert!(model.try_acquire().is_err()));
        let mut newcomer = model.queue_up();
        release.join().unwrap();
        barging.join().unwrap();
        assert!(poll(&mut newcomer).is_pending());
        assert!(matches!(poll(&mut waiting), Poll::Ready(Ok(_))));
        assert!(matches!(poll(&mut newcomer), Poll::Ready(Ok(_))));
        drop((waiting, newcomer));
        model.finish(1, 2);
    });
}
