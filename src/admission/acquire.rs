//! [`Acquire`]: the future that waits its turn.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use super::core::Entered;
use super::handle::Handle;
use super::overflow::Overflow;
use super::permit::Permit;
use super::queue::Index;
use super::wake::WakeList;

/// Resolves to a [`Permit`] once there is a slot, in the order of first polls, or at once to
/// [`Overflow`] if there is neither a slot nor a place.
///
/// # Cancel safety
///
/// Dropping it gives up its place in the queue, and the others keep theirs. A slot that it was
/// granted and had not yet been polled for goes to the next. A granted future that is kept and
/// never polled holds its slot; one that is forgotten leaks its place or slot.
#[must_use = "futures do nothing unless polled"]
pub struct Acquire<H: Handle> {
    handle: H,
    state: State,
}

#[derive(Debug)]
enum State {
    Unpolled,
    Waiting {
        index: Index,
        since: Option<Instant>,
    },
    Done,
}

impl<H: Handle> Acquire<H> {
    pub(super) fn new(handle: H) -> Self {
        Self {
            handle,
            state: State::Unpolled,
        }
    }

    fn enter(&mut self, waker: &Waker) -> Poll<Result<Permit<H>, Overflow>> {
        self.state = State::Done;
        let core = self.handle.core();
        if core.admit() {
            return Poll::Ready(Ok(Permit::new(self.handle.clone(), true)));
        }
        let mut wakes = WakeList::default();
        let entered = core.enter(waker, &mut wakes);
        // Before anybody is woken: should a waker panic, the place or slot is not lost.
        let poll = match entered {
            Entered::Admitted => Poll::Ready(Ok(Permit::new(self.handle.clone(), true))),
            Entered::Uncounted => Poll::Ready(Ok(Permit::new(self.handle.clone(), false))),
            Entered::Overflow(overflow) => Poll::Ready(Err(overflow.into())),
            Entered::Queued(index, since) => {
                self.state = State::Waiting { index, since };
                Poll::Pending
            }
        };
        wakes.wake_all();
        poll
    }

    /// What the permit will come from.
    pub(crate) fn handle(&self) -> &H {
        &self.handle
    }

    /// Whether it waits in the queue (or was granted there, and has not been polled since).
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }

    /// Leaves the queue because its time is up; counted as timed out.
    ///
    /// A slot that arrived in the meantime wins: then the permit is returned, and the request is
    /// to be served. Otherwise it is over, and must not be polled again. Where it does not
    /// [wait](Self::is_waiting), nothing happens.
    ///
    /// ```
    /// use meshpool::admission::Admission;
    ///
    /// # tokio_test::block_on(async {
    /// let admission = Admission::new(1, 1);
    /// let held = admission.try_acquire()?;
    ///
    /// let mut acquire = admission.acquire();
    /// tokio::select! {
    ///     biased;
    ///     _ = &mut acquire => unreachable!("the only slot is taken"),
    ///     () = std::future::ready(()) => {} // the timer
    /// }
    /// drop(held); // too late to be polled for, early enough to be served
    /// assert!(acquire.time_out().is_some());
    /// # Ok::<(), meshpool::admission::Overflow>(()) }).unwrap();
    /// ```
    pub fn time_out(&mut self) -> Option<Permit<H>> {
        let State::Waiting { index, since } = self.state else {
            return None;
        };
        self.state = State::Done;
        let core = self.handle.core();
        core.time_out(index).then(|| {
            let permit = Permit::new(self.handle.clone(), true);
            self.waited(since);
            permit
        })
    }

    /// Its wait is over. Observers are foreign code, and may panic: what it got is in safety.
    fn waited(&self, since: Option<Instant>) {
        if let Some(since) = since {
            let waited = since.elapsed();
            self.handle.core().waited(waited);
            self.handle.waited(waited);
        }
    }

    /// Leaves the queue because what the wait was for has come from elsewhere: counted as a wait
    /// that is over, and not as cancelled.
    pub(crate) fn leave(&mut self) {
        if let State::Waiting { index, since } = std::mem::replace(&mut self.state, State::Done) {
            self.handle.core().withdraw(index);
            self.waited(since);
        }
    }
}

impl<H: Handle> Future for Acquire<H> {
    type Output = Result<Permit<H>, Overflow>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match this.state {
            State::Unpolled => this.enter(cx.waker()),
            State::Waiting { index, since } => {
                ready!(this.handle.core().poll_granted(index, cx.waker()));
                this.state = State::Done;
                let permit = Permit::new(this.handle.clone(), true);
                this.waited(since);
                Poll::Ready(Ok(permit))
            }
            State::Done => panic!("Acquire polled after it was ready"),
        }
    }
}

impl<H: Handle> Drop for Acquire<H> {
    fn drop(&mut self) {
        if let State::Waiting { index, .. } = self.state {
            self.handle.core().cancel(index);
        }
    }
}

impl<H: Handle> fmt::Debug for Acquire<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
