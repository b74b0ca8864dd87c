//! [`Idle`]: the future that waits until nothing is active.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::core::IdleTicket;
use super::handle::Handle;

/// Resolves at a moment at which nothing was active and nothing pending.
///
/// On an admission that was not closed, the next request may have come by the time that this is
/// seen. While anybody waits for it, admissions and releases take the lock.
///
/// # Cancel safety
///
/// Dropping it loses nothing; a new one can be made at any time.
#[must_use = "futures do nothing unless polled"]
pub struct Idle<H: Handle> {
    handle: H,
    ticket: Option<IdleTicket>,
}

impl<H: Handle> Idle<H> {
    pub(super) fn new(handle: H) -> Self {
        Self {
            handle,
            ticket: None,
        }
    }
}

impl<H: Handle> Future for Idle<H> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.handle.core().poll_idle(&mut this.ticket, cx.waker())
    }
}

impl<H: Handle> Drop for Idle<H> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.handle.core().forget_idle(ticket);
        }
    }
}

impl<H: Handle> fmt::Debug for Idle<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idle").finish_non_exhaustive()
    }
}
