//! Wakers that panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use loom::future::block_on;

use super::{Model, check};

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
        let thread = model.spawn(|model| {
            let permit = block_on(second).unwrap();
            model.run(permit, 2);
        });
        let update = catch_unwind(AssertUnwindSafe(|| model.update(2, 2)));
        assert!(update.is_err());
        thread.join().unwrap();
        // It was granted its slot all the same, and gives it back.
        assert_eq!(model.stats().active, 1);
        drop(first);
        model.finish(2, 2);
    });
}
