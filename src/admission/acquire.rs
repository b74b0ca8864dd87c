//! [`Acquire`]: the future that waits its turn.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::core::{Entered, Ticket};
use super::handle::Handle;
use super::overflow::Overflow;
use super::permit::Permit;
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
    Waiting(Ticket),
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
            Entered::Queued(ticket) => {
                self.state = State::Waiting(ticket);
                Poll::Pending
            }
        };
        wakes.wake_all();
        poll
    }

    /// Whether it waits in the queue (or was granted there, and has not been polled since).
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting(_))
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
        let State::Waiting(ticket) = self.state else {
            return None;
        };
        self.state = State::Done;
        let core = self.handle.core();
        core.time_out(ticket).then(|| {
            let permit = Permit::new(self.handle.clone(), true);
            self.waited(ticket);
            permit
        })
    }

    /// Its wait is over. Observers are foreign code, and may panic: what it got is in safety.
    fn waited(&self, ticket: Ticket) {
        if let Some(waited) = self.handle.core().waited(ticket) {
            self.handle.waited(waited);
        }
    }
}

/// For the layers.
#[cfg(feature = "inbound")]
impl<H: Handle> Acquire<H> {
    /// What the permit will come from.
    pub(crate) fn handle(&self) -> &H {
        &self.handle
    }

    /// Leaves the queue because what the wait was for has come from elsewhere: counted as a wait
    /// that is over, and not as cancelled.
    pub(crate) fn leave(&mut self) {
        if let State::Waiting(ticket) = std::mem::replace(&mut self.state, State::Done) {
            self.handle.core().withdraw(ticket);
            self.waited(ticket);
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
            State::Waiting(ticket) => {
                ready!(this.handle.core().poll_granted(ticket, cx.waker()));
                this.state = State::Done;
                let permit = Permit::new(this.handle.clone(), true);
                this.waited(ticket);
                Poll::Ready(Ok(permit))
            }
            State::Done => panic!("Acquire polled after it was ready"),
        }
    }
}

impl<H: Handle> Drop for Acquire<H> {
    fn drop(&mut self) {
        if let State::Waiting(ticket) = self.state {
            self.handle.core().cancel(ticket);
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
