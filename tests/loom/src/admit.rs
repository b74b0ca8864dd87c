//! Slots: never one too many, and never one too few.

use std::sync::Arc;

use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::{Model, check};

#[test]
fn never_more_run_than_there_are_slots() {
    check(|| {
        let model = Model::new(1, 0);
        let body = |model: Model| {
            if let Ok(permit) = model.try_acquire() {
                model.run(permit, 1);
            }
        };
        let threads = [model.spawn(body), model.spawn(body)];
        body(model.clone());
        for thread in threads {
            thread.join().unwrap();
        }
        model.finish(1, 0);
    });
}

#[test]
fn never_more_run_than_there_are_slots_when_some_wait() {
    check(|| {
        let model = Model::new(1, 2);
        let thread = model.spawn(|model| model.wait_and_run(1));
        if let Ok(permit) = model.try_acquire() {
            model.run(permit, 1);
        }
        model.wait_and_run(1);
        thread.join().unwrap();
        model.finish(1, 2);
    });
}

#[test]
fn nothing_is_refused_while_there_is_a_slot() {
    check(|| {
        let model = Model::new(2, 0);
        // Each holds one at a time, so there is always one for the other.
        let body = |model: Model| {
            for _ in 0..2 {
                drop(model.try_acquire().expect("there is a slot"));
            }
        };
        let thread = model.spawn(body);
        body(model.clone());
        thread.join().unwrap();
        model.finish(2, 0);
    });
}

#[test]
fn nothing_is_refused_while_there_is_a_place() {
    check(|| {
        let model = Model::new(1, 1);
        let thread = model.spawn(|model| {
            model.wait_and_run(1);
            model.wait_and_run(1);
        });
        model.wait_and_run(1);
        thread.join().unwrap();
        model.finish(1, 1);
    });
}

#[test]
fn one_slot_is_a_mutex() {
    check(|| {
        let model = Model::new(1, 2);
        let count = Arc::new(AtomicU32::new(0));
        let body = |model: Model, count: Arc<AtomicU32>| {
            let permit = loom::future::block_on(model.acquire()).unwrap();
            // Relaxed, and in two steps: right only if the slot orders it.
            let seen = count.load(Relaxed);
            count.store(seen + 1, Relaxed);
            drop(permit);
        };
        let threads = [(); 2].map(|()| {
            let count = count.clone();
            model.spawn(move |model| body(model, count))
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(count.load(Relaxed), 2);
        model.finish(1, 2);
    });
}
