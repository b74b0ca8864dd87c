//! [`Pending`]: the future of a request that waits for a connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Pool;
use super::lease::Lease;
use super::waiting::{Place, Ticket, Waiter};
use crate::outbound::connection::Sender;
use crate::outbound::error::Error;

/// Resolves when a pending request has a stream, or has failed. Dropped before that, it leaves the
/// queue, and the others keep their places; dropped with a stream that was not used, that goes to
/// the next.
pub(crate) struct Pending<B: Send + 'static> {
    pool: Arc<Pool<B>>,
    ticket: Option<Ticket>,
}

impl<B: Send + 'static> Pending<B> {
    pub(super) fn new(pool: Arc<Pool<B>>, ticket: Ticket) -> Self {
        Self {
            pool,
            ticket: Some(ticket),
        }
    }
}

impl<B: Send + 'static> Future for Pending<B> {
    type Output = Result<(Lease, Arc<Sender<B>>), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let ticket = self.ticket.expect("not polled after it was ready");
        // Cloned and dropped without the lock: it is anybody's code.
        let mut waker = Some(cx.waker().clone());
        let outcome = self.pool.lock().waiting.poll(ticket, &mut waker);
        drop(waker);
        let Some(outcome) = outcome else {
            return Poll::Pending;
        };
        self.ticket = None;
        Poll::Ready(match outcome {
            Waiter::Attached(Place {
                request,
                connection,
                sender,
            }) => Ok((Lease::new(self.pool.clone(), request, connection), sender)),
            Waiter::Failed(error) => Err(error),
            Waiter::Free | Waiter::Pending(..) => unreachable!("an outcome"),
        })
    }
}

impl<B: Send + 'static> Drop for Pending<B> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else {
            return;
        };
        // It comes out of the event so that what it holds is dropped without the lock.
        let _waiter = self.pool.abandon(ticket);
    }
}
