//! Wakers are foreign code: they panic, and they call back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use super::{Model, check, poll};

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        // Not `panic!`: the hook would print it once for each schedule.
        std::panic::resume_unwind(Box::new("waker"));
    }
}

#[test]
fn a_panicking_wake_loses_no_slot_and_no_other_wake() {
    check(|| {
        let model = Model::new(0, 2);
        let mut first = model.acquire();
        let waker = Waker::from(Arc::new(Panics));
        let mut cx = Context::from_waker(&waker);
        assert!(Pin::new(&mut first).poll(&mut cx).is_pending());
        let second = model.queue_up();
        let thread = model.spawn_waiter(second, 2);
        let update = catch_unwind(AssertUnwindSafe(|| model.update(2, 2)));
        assert!(update.is_err());
        thread.join().unwrap();
        // It was granted its slot all the same, and gives it back.
        assert_eq!(model.stats().active, 1);
        drop(first);
        model.finish(2, 2);
    });
}

/// Looks at the admission when it is woken, and when it is dropped.
struct CallsBack(Model);

impl Wake for CallsBack {
    fn wake(self: Arc<Self>) {
        self.0.stats();
    }
}

impl Drop for CallsBack {
    fn drop(&mut self) {
        self.0.stats();
    }
}

/// Under the lock it would wait for itself, which loom reports.
#[test]
fn a_waker_may_call_back_when_it_is_woken_or_dropped() {
    check(|| {
        let model = Model::new(1, 3);
        let held = model.hold();
        let [woken, mut replaced, cancelled] = [(); 3].map(|()| {
            let mut acquire = model.acquire();
            let waker = Waker::from(Arc::new(CallsBack(model.clone())));
            let mut cx = Context::from_waker(&waker);
            assert!(Pin::new(&mut acquire).poll(&mut cx).is_pending());
            acquire
        });
        let thread = model.spawn(move |_| drop(cancelled));
        assert!(poll(&mut replaced).is_pending());
        drop(held);
        drop(woken);
        thread.join().unwrap();
        drop(replaced);
        model.finish(1, 3);
    });
}
