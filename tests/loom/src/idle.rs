//! Closing, and waiting until nothing runs.

use std::task::Poll;

use loom::future::block_on;
use loom::sync::atomic::Ordering::Relaxed;
use meshpool::admission::Resource;

use super::{Model, check, poll};

#[test]
fn idle_is_told_when_the_last_one_ends() {
    check(|| {
        let model = Model::new(2, 0);
        let held = model.hold();
        let waiter = model.spawn(|model| block_on(model.idle()));
        let work = model.spawn(|model| drop(model.try_acquire()));
        drop(held);
        work.join().unwrap();
        waiter.join().unwrap();
        model.finish(2, 0);
    });
}

#[test]
fn idle_after_close_means_that_nothing_runs() {
    check(|| {
        let model = Model::new(1, 1);
        let threads = [(); 2].map(|()| {
            model.spawn(|model| {
                if let Ok(permit) = block_on(model.acquire()) {
                    model.run(permit, 1);
                }
            })
        });
        model.close();
        block_on(model.idle());
        assert_eq!(model.running.load(Relaxed), 0);
        let refused = model.try_acquire().unwrap_err();
        assert_eq!(
            (refused.resource, refused.active, refused.pending),
            (Resource::Closed, 0, 0)
        );
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn close_serves_those_who_wait() {
    check(|| {
        let model = Model::new(1, 1);
        let held = model.hold();
        let mut waiting = model.queue_up();
        let release = model.spawn(move |_| drop(held));
        model.close();
        assert!(matches!(poll(&mut model.acquire()), Poll::Ready(Err(_))));
        release.join().unwrap();
        assert!(matches!(poll(&mut waiting), Poll::Ready(Ok(_))));
        drop(waiting);
        block_on(model.idle());
    });
}

#[test]
fn two_who_wait_for_idleness_are_both_told() {
    check(|| {
        let model = Model::new(1, 0);
        let held = model.hold();
        let body = |model: Model| block_on(model.idle());
        let threads = [model.spawn(body), model.spawn(body)];
        drop(held);
        for thread in threads {
            thread.join().unwrap();
        }
        model.finish(1, 0);
    });
}
