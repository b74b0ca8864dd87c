//! It works on any executor: there is no runtime in it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;
use meshpool::admission::Admission;

use crate::support::{hold, usage};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor there is.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn it_runs_where_a_thread_parks() {
    let admission = Admission::new(1, 3);
    let held = hold(&admission);
    let threads = [(); 3].map(|()| {
        let admission = admission.clone();
        thread::spawn(move || drop(block_on(admission.acquire()).unwrap()))
    });
    while admission.stats().pending < 3 {
        thread::yield_now();
    }
    drop(held);
    for thread in threads {
        thread.join().unwrap();
    }
    block_on(admission.idle());
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn it_runs_on_futures_executor() {
    let admission = Admission::new(1, 3);
    let held = hold(&admission);
    let mut pool = LocalPool::new();
    for _ in 0..3 {
        let admission = admission.clone();
        pool.spawner()
            .spawn_local(async move { drop(admission.acquire().await.unwrap()) })
            .unwrap();
    }
    pool.run_until_stalled();
    assert_eq!(usage(&admission), (1, 3));
    drop(held);
    pool.run();
    assert_eq!(usage(&admission), (0, 0));
}

#[test]
fn one_admission_serves_two_runtimes() {
    let admission = Admission::new(1, 1);
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    };
    let (one, other) = (runtime(), runtime());
    let held = one.block_on(admission.acquire()).unwrap();
    let waiter = other.spawn(admission.acquire());
    other.block_on(async {
        while admission.stats().pending == 0 {
            tokio::task::yield_now().await;
        }
    });
    one.block_on(async { drop(held) });
    drop(other.block_on(waiter).unwrap().unwrap());
    assert_eq!(usage(&admission), (0, 0));
}
