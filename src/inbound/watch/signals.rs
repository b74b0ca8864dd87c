//! [`Signals`]: what a connection hears from outside: changed limits and the shutdown.

use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::task::{Context, Waker};

use tokio::sync::watch::Receiver;
use tokio::task::unconstrained;

use crate::Limits;

/// The limits in force and whether to shut down, and a future that wakes the connection's task
/// when either changes.
///
/// A connection is polled for each request, and both to read a channel and to register with it
/// takes locks that all connections share. So it is read and registered with once, and again
/// only when it has news, which takes a load to see.
pub(super) struct Signals {
    limits: Latest<Limits>,
    shutdown: Latest<bool>,
    news: Pin<Box<dyn Future<Output = ()> + Send>>,
    registered: Option<Waker>,
}

/// A channel's value, as last read.
struct Latest<T> {
    value: T,
    receiver: Receiver<T>,
    /// Nobody is left to change it.
    settled: bool,
}

impl Signals {
    pub(super) fn new(limits: Receiver<Limits>, shutdown: Receiver<bool>) -> Self {
        let limits = Latest::new(limits);
        let shutdown = Latest::new(shutdown);
        Self {
            news: news(&limits, &shutdown),
            limits,
            shutdown,
            registered: None,
        }
    }

    /// The limits in force at the last [`poll`](Self::poll).
    pub(super) fn limits(&self) -> &Limits {
        &self.limits.value
    }

    /// Whether to shut down, at the last [`poll`](Self::poll).
    pub(super) fn is_shut_down(&self) -> bool {
        self.shutdown.value
    }

    /// Reads what has changed, and has the task woken at the next change.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        loop {
            let changed = self.limits.refresh() | self.shutdown.refresh();
            let registered = self.registered.as_ref();
            if !changed && registered.is_some_and(|waker| waker.will_wake(cx.waker())) {
                return;
            }
            if changed {
                self.news = news(&self.limits, &self.shutdown);
            }
            // Whatever came after it was read makes this ready at once.
            if self.news.as_mut().poll(cx).is_pending() {
                self.registered = Some(cx.waker().clone());
                return;
            }
            self.news = news(&self.limits, &self.shutdown);
            self.registered = None;
        }
    }
}

impl<T: Copy> Latest<T> {
    fn new(mut receiver: Receiver<T>) -> Self {
        let value = *receiver.borrow_and_update();
        Self {
            value,
            receiver,
            settled: false,
        }
    }

    /// Reads the value if it has changed since it was last read, and says whether it has.
    fn refresh(&mut self) -> bool {
        if self.settled {
            return false;
        }
        match self.receiver.has_changed() {
            Ok(false) => return false,
            Ok(true) => {}
            // A last change may have come before the end.
            Err(_) => self.settled = true,
        }
        self.value = *self.receiver.borrow_and_update();
        true
    }
}

/// Waits for something that was not read yet.
fn news(
    limits: &Latest<Limits>,
    shutdown: &Latest<bool>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let mut limits = limits.receiver.clone();
    let mut shutdown = shutdown.receiver.clone();
    // A task that has spent Tokio's budget would be told to wait without being registered, and is
    // taken for registered from then on. This is one poll for each change: it needs no budget.
    Box::pin(unconstrained(async move {
        tokio::select! {
            () = change(&mut limits) => {}
            () = change(&mut shutdown) => {}
        }
    }))
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
            .field("limits", &self.limits.value)
            .field("shutdown", &self.shutdown.value)
            .finish_non_exhaustive()
    }
}
