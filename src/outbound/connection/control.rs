//! [`Control`]: what a pool tells a connection's task.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use crate::outbound::destination::Side;
use crate::outbound::error::Cause;

/// Shared by a connection's task and its pool.
#[derive(Debug, Default)]
pub(crate) struct Control {
    orders: AtomicU8,
    task: Mutex<Option<Waker>>,
    error: Mutex<Option<Cause>>,
    is_ended_by_peer: AtomicBool,
    /// What has come since something was last sent, the end included.
    reads: AtomicU8,
    has_written: AtomicBool,
}

/// An order stays in force until it is taken back.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Order {
    /// Close at once, whatever is under way.
    Abort = 1,
    /// Close; nothing is under way.
    Close = 2,
    /// Say so when the next request can be sent (HTTP/1).
    MoveOn = 4,
}

impl Control {
    /// Gives an order. Not to be called under a lock: it wakes the task.
    pub(crate) fn order(&self, order: Order) {
        self.orders.fetch_or(order as u8, Ordering::AcqRel);
        let task = lock(&self.task).take();
        if let Some(task) = task {
            task.wake();
        }
    }

    /// To be called by the task before it looks at its orders, so that it misses none.
    pub(super) fn register(&self, cx: &Context<'_>) {
        let mut task = lock(&self.task);
        if !task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
    }

    pub(super) fn has(&self, order: Order) -> bool {
        self.orders.load(Ordering::Acquire) & order as u8 != 0
    }

    /// Whether there is this order, which is then taken back.
    pub(super) fn take(&self, order: Order) -> bool {
        self.has(order) && {
            self.orders.fetch_and(!(order as u8), Ordering::AcqRel);
            true
        }
    }

    /// Keeps why the connection is about to end.
    pub(super) fn failed(&self, error: Cause) {
        *lock(&self.error) = Some(error);
    }

    /// The peer had ended the connection when its socket closed.
    pub(super) fn set_ended_by_peer(&self) {
        self.is_ended_by_peer.store(true, Ordering::Release);
    }

    /// Who ended the connection.
    pub(crate) fn ended_by(&self) -> Side {
        match self.is_ended_by_peer.load(Ordering::Acquire) {
            true => Side::Remote,
            false => Side::Local,
        }
    }

    /// Something was sent.
    pub(super) fn written(&self) {
        self.reads.store(0, Ordering::Relaxed);
        self.has_written.store(true, Ordering::Relaxed);
    }

    /// Whether something was sent since this was last asked. For the task itself.
    pub(super) fn take_written(&self) -> bool {
        self.has_written.swap(false, Ordering::Relaxed)
    }

    /// Something has come, or the end.
    pub(super) fn read(&self) {
        // Nobody else writes it.
        let reads = self.reads.load(Ordering::Relaxed);
        self.reads.store(reads.saturating_add(1), Ordering::Relaxed);
    }

    /// Whether anything came between what was last sent and the end, where that has come.
    pub(super) fn has_heard_more_than_the_end(&self) -> bool {
        self.reads.load(Ordering::Relaxed) > 1
    }

    pub(crate) fn error(&self) -> Option<Cause> {
        lock(&self.error).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
