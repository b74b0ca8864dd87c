//! [`Tasks`]: what hyper has for its executor, done by the connection's own task.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::rt::Executor;
use pin_project_lite::pin_project;
use tokio::task::unconstrained;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is known of a request's body while hyper has it.
pub(crate) trait Interest: Send + Sync {
    /// Whether nobody wants the body sent any more. If somebody does, whoever asked is woken when
    /// that changes.
    fn is_lost(&self, cx: &Context<'_>) -> bool;
}

/// Takes the futures that hyper gives away: first the one that moves the frames, then one for each
/// response, and one for each request body that takes its time.
#[derive(Clone, Default)]
pub(crate) struct Tasks(Arc<Mutex<Given>>);

#[derive(Default)]
struct Given {
    tasks: Vec<Task>,
    /// In the body that hyper has just begun with.
    interest: Option<Arc<dyn Interest>>,
}

pin_project! {
    /// A future of hyper's that ends ahead of its time when nobody is interested any more. A body
    /// that waits for the peer's window is not polled, and so can't say so itself.
    struct WhileOfInterest<F> {
        #[pin]
        future: F,
        interest: Arc<dyn Interest>,
    }
}

/// Runs them, so that no request has a task of its own.
pub(super) struct Running {
    given: Tasks,
    running: FuturesUnordered<Task>,
}

impl Tasks {
    pub(super) fn take_first(&self) -> Option<Task> {
        let tasks = &mut self.lock().tasks;
        (!tasks.is_empty()).then(|| tasks.remove(0))
    }

    /// To be called by a body that is polled for the first time. hyper does that when it takes the
    /// request, and what it gives away next is the sending of this body; or, if that is done
    /// already, the waiting for its response. Older versions of it than the one that is asked for
    /// waited for the peer's window first.
    pub(crate) fn begun(&self, interest: Arc<dyn Interest>) {
        self.lock().interest = Some(interest);
    }

    fn lock(&self) -> MutexGuard<'_, Given> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        let mut given = self.lock();
        let task: Task = match given.interest.take() {
            None => Box::pin(future),
            Some(interest) => Box::pin(WhileOfInterest { future, interest }),
        };
        given.tasks.push(task);
    }
}

impl<F: Future<Output = ()>> Future for WhileOfInterest<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        // It first: a body that can say itself that it is given up says why.
        match this.future.poll(cx) {
            Poll::Pending if !this.interest.is_lost(cx) => Poll::Pending,
            _ => Poll::Ready(()),
        }
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
            let given = std::mem::take(&mut self.given.lock().tasks);
            self.running.extend(given);
            let polled = unbudgeted(cx, |cx| self.running.poll_next_unpin(cx));
            // That of a body that was first polled in there: what comes next is another request's.
            let stale = self.given.lock().interest.take();
            drop(stale);
            match polled {
                Poll::Ready(Some(())) => {}
                // Polled once, one may have given another.
                Poll::Ready(None) | Poll::Pending if self.given.lock().tasks.is_empty() => return,
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
