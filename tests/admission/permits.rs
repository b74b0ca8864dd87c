//! A slot is given back on every way out.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;

use meshpool::admission::Admission;

use crate::support::{granted, hold, queued, usage};

#[test]
fn a_permit_dropped_by_a_panic_gives_its_slot_back() {
    let admission = Admission::new(1, 1);
    let held = hold(&admission);
    let mut waiter = queued(&admission);
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _held = held;
        resume_unwind(Box::new("handler"));
    }));
    assert!(panicked.is_err());
    drop(granted(&mut waiter));
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn a_future_dropped_by_a_panic_gives_its_place_and_its_grant_back() {
    let admission = Admission::new(1, 2);
    let held = hold(&admission);
    let (granted_one, waiting_one) = (queued(&admission), queued(&admission));
    drop(held);
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _both = (waiting_one, granted_one);
        resume_unwind(Box::new("handler"));
    }));
    assert!(panicked.is_err());
    assert_eq!(usage(&admission), (0, 0));
    drop(hold(&admission));
}

#[test]
fn a_permit_may_be_dropped_on_another_thread() {
    let admission = Admission::new(1, 1);
    let (sender, receiver) = mpsc::channel();
    let held = hold(&admission);
    let mut waiter = queued(&admission);
    let dropper = thread::spawn(move || drop(receiver.recv()));
    sender.send(held).unwrap();
    dropper.join().unwrap();
    drop(granted(&mut waiter));
}

#[test]
fn a_permit_outlives_the_handle_that_it_came_from() {
    let admission = Admission::new(1, 1);
    let held = hold(&admission);
    let mut waiter = queued(&admission);
    drop(admission);
    drop(held);
    drop(granted(&mut waiter));
}
