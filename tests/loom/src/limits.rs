//! Limits that change while requests come and go.

use std::task::Poll;

use loom::future::block_on;

use super::{Model, check, poll};

#[test]
fn raise_grants_to_as_many_as_fit() {
    check(|| {
        let model = Model::new(0, 2);
        // The first is in the queue before, and keeps its slot; the second may come while it
        // happens.
        let first = model.queue_up();
        let thread = model.spawn(|model| model.wait_and_run(2));
        model.update(2, 2);
        drop(block_on(first).unwrap());
        thread.join().unwrap();
        model.finish(2, 2);
    });
}

#[test]
fn raise_and_release_at_once_serve_two() {
    check(|| {
        let model = Model::new(1, 2);
        let held = model.hold();
        let mut waiting = [model.queue_up(), model.queue_up()];
        let release = model.spawn(move |_| drop(held));
        model.update(2, 2);
        release.join().unwrap();
        for acquire in &mut waiting {
            assert!(matches!(poll(acquire), Poll::Ready(Ok(_))));
        }
        drop(waiting);
        model.finish(2, 2);
    });
}

#[test]
fn lower_binds_from_the_moment_that_it_returns() {
    check(|| {
        let model = Model::new(2, 0);
        let body = |model: Model| model.try_acquire();
        let threads = [model.spawn(body), model.spawn(body)];
        model.update(1, 0);
        // One that is admitted now was alone, so nobody after it was.
        let mine = model.try_acquire();
        let theirs = threads.map(|thread| thread.join().unwrap());
        let admitted = theirs.iter().filter(|permit| permit.is_ok()).count();
        assert!(mine.is_err() || admitted == 0);
        assert!(mine.is_ok() || admitted > 0);
        drop((mine, theirs));
        model.finish(1, 0);
    });
}

#[test]
fn lower_and_grant_at_once_leave_a_debt_or_a_waiter() {
    check(|| {
        let model = Model::new(2, 1);
        let (first, second) = (model.hold(), model.hold());
        let mut waiting = model.queue_up();
        let release = model.spawn(move |_| drop(first));
        let lower = model.spawn(|model| model.update(1, 1));
        release.join().unwrap();
        lower.join().unwrap();
        let stats = model.stats();
        match poll(&mut waiting) {
            // Granted, then lowered: one too many, and owed.
            Poll::Ready(permit) => {
                assert_eq!((stats.active, stats.pending), (2, 0));
                drop(permit);
                assert!(model.try_acquire().is_err(), "the debt is paid first");
                drop(second);
            }
            Poll::Pending => {
                assert_eq!((stats.active, stats.pending), (1, 1));
                drop(second);
                assert!(poll(&mut waiting).is_ready());
            }
        }
        drop(waiting);
        model.finish(1, 1);
    });
}

#[test]
fn a_change_refuses_nothing_that_both_limits_admit() {
    check(|| {
        // Room for two before, and after; two hold at most one each.
        let model = Model::new(1, 1);
        let body = |model: Model| model.wait_and_run(2);
        let threads = [model.spawn(body), model.spawn(body)];
        model.update(2, 0);
        for thread in threads {
            thread.join().unwrap();
        }
        model.finish(2, 0);
    });
}

#[test]
fn a_change_there_and_back_refuses_nothing_that_both_limits_admit() {
    check(|| {
        let model = Model::new(1, 0);
        let change = model.spawn(|model| {
            model.update(0, 1);
            model.update(1, 0);
        });
        let mut acquire = model.acquire();
        assert!(!matches!(poll(&mut acquire), Poll::Ready(Err(_))));
        change.join().unwrap();
        drop(acquire);
        model.finish(1, 0);
    });
}

#[test]
fn a_snapshot_is_of_one_instant() {
    check(|| {
        let model = Model::new(1, 1);
        let change = model.spawn(|model| model.update(2, 0));
        let work = model.spawn(|model| drop(model.hold()));
        let stats = model.stats();
        let limits = (stats.max_requests, stats.max_pending_requests);
        assert!(matches!(limits, (Some(1), Some(1)) | (Some(2), Some(0))));
        assert!(stats.active <= 1, "only one ever ran");
        change.join().unwrap();
        work.join().unwrap();
        model.finish(2, 0);
    });
}
