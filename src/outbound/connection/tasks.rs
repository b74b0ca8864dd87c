//! [`Tasks`]: what hyper has for its executor, done by the connection's own task.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::rt::Executor;
use tokio::task::unconstrained;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes the futures that hyper gives away: first the one that moves the frames, then one for each
/// response, and one for each request body that takes its time.
#[derive(Clone, Default)]
pub(super) struct Tasks(Arc<Mutex<Vec<Task>>>);

/// Runs them, so that no request has a task of its own.
pub(super) struct Running {
    given: Tasks,
    running: FuturesUnordered<Task>,
}

impl Tasks {
    pub(super) fn take_first(&self) -> Option<Task> {
        let mut given = self.lock();
        (!given.is_empty()).then(|| given.remove(0))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Task>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        self.lock().push(Box::pin(future));
    }
}

impl Running {
    pub(super) fn new(given: Tasks) -> Self {
        Self {
            given,
            running: FuturesUnordered::new(),
        }
    }

    /// Goes on with each that can.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        loop {
            let given = std::mem::take(&mut *self.given.lock());
            self.running.extend(given);
            match unbudgeted(cx, |cx| self.running.poll_next_unpin(cx)) {
                Poll::Ready(Some(())) => {}
                // Polled once, one may have given another.
                Poll::Ready(None) | Poll::Pending if self.given.lock().is_empty() => return,
                Poll::Ready(None) | Poll::Pending => {}
            }
        }
    }

    /// Has each learn that the connection is gone. Those that wait for something else meanwhile,
    /// as a request body for its next part, learn it after that, on their own.
    pub(super) async fn end(mut self) {
        poll_fn(|cx| {
            self.poll(cx);
            Poll::Ready(())
        })
        .await;
        if !self.running.is_empty() {
            tokio::spawn(self.running.collect::<()>());
        }
    }
}

/// Polls something that is to have its turn however much the same task has read meanwhile: of what
/// Tokio lets a task do in one go, a socket that never runs dry would leave it nothing.
pub(super) fn unbudgeted<T>(
    cx: &mut Context<'_>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    pin!(unconstrained(poll_fn(poll))).poll(cx)
}
