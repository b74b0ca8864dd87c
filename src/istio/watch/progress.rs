//! How far the following thread has come.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

#[derive(Debug, Default)]
pub(super) struct Progress {
    looks: AtomicU64,
    settled: Mutex<Settled>,
}

#[derive(Debug, Default)]
struct Settled {
    done: bool,
    waker: Option<Waker>,
}

impl Progress {
    pub(super) fn look(&self) {
        self.looks.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }

    /// The present state is in force. Said more than once, it changes nothing.
    pub(super) fn settle(&self) {
        let mut settled = self.lock();
        settled.done = true;
        let waker = settled.waker.take();
        drop(settled);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn poll_settled(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Cloning one is foreign code, and so is dropping one.
        let waker = cx.waker().clone();
        let mut settled = self.lock();
        if settled.done {
            return Poll::Ready(());
        }
        let former = settled.waker.replace(waker);
        drop(settled);
        drop(former);
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Settled> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
