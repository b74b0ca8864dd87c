//! [`Signals`]: what a connection hears from outside: changed limits and the shutdown.

use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::task::{Context, Waker};

use tokio::sync::watch::Receiver;

use crate::Limits;

/// Both receivers, and a future that wakes the connection's task when one has news.
///
/// A connection is polled for each request, and to register with a channel takes locks that all
/// connections share. So it is done once, and again only after there was news.
pub(super) struct Signals {
    limits: Receiver<Limits>,
    shutdown: Receiver<bool>,
    news: Pin<Box<dyn Future<Output = ()> + Send>>,
    registered: Option<Waker>,
}

impl Signals {
    pub(super) fn new(mut limits: Receiver<Limits>, mut shutdown: Receiver<bool>) -> Self {
        limits.mark_unchanged();
        shutdown.mark_unchanged();
        Self {
            news: Box::pin(news(limits.clone(), shutdown.clone())),
            limits,
            shutdown,
            registered: None,
        }
    }

    /// The limits in force.
    pub(super) fn limits(&self) -> Limits {
        *self.limits.borrow()
    }

    pub(super) fn is_shut_down(&self) -> bool {
        *self.shutdown.borrow()
    }

    /// Has the task woken when there is news.
    pub(super) fn register(&mut self, cx: &mut Context<'_>) {
        loop {
            let changed = [self.limits.has_changed(), self.shutdown.has_changed()]
                .iter()
                .any(|changed| matches!(changed, Ok(true)));
            let registered = self.registered.as_ref();
            if !changed && registered.is_some_and(|waker| waker.will_wake(cx.waker())) {
                return;
            }
            if self.news.as_mut().poll(cx).is_pending() {
                self.registered = Some(cx.waker().clone());
                return;
            }
            // What changed before this is seen by whoever reads the limits after it.
            self.limits.mark_unchanged();
            self.shutdown.mark_unchanged();
            self.news = Box::pin(news(self.limits.clone(), self.shutdown.clone()));
            self.registered = None;
        }
    }
}

async fn news(mut limits: Receiver<Limits>, mut shutdown: Receiver<bool>) {
    tokio::select! {
        () = change(&mut limits) => {}
        () = change(&mut shutdown) => {}
    }
}

/// Waits for a change; for ever, once nobody is left to make one.
async fn change<T>(receiver: &mut Receiver<T>) {
    if receiver.changed().await.is_err() {
        pending::<()>().await;
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals")
            .field("limits", &*self.limits.borrow())
            .field("shutdown", &*self.shutdown.borrow())
            .finish_non_exhaustive()
    }
}
