//! [`Waiting`]: the futures of pending requests, and what has become of each.

use std::mem;
use std::sync::Arc;
use std::task::Waker;

use crate::outbound::connection::Sender;
use crate::outbound::destination::{ConnectionKey, RequestKey};
use crate::outbound::error::Error;

/// Names the future of a request. It outlives the request's key, which is stale once the machine
/// has failed it.
pub(super) type Ticket = u32;

/// A table of futures, and one that finds them by [`RequestKey::index`]. Both give their memory
/// back when nobody waits.
pub(super) struct Waiting<B> {
    futures: Vec<Waiter<B>>,
    free: Vec<Ticket>,
    by_request: Vec<Option<Ticket>>,
}

pub(super) enum Waiter<B> {
    /// Nobody's.
    Free,
    /// Pending, and whom to wake.
    Pending(RequestKey, Option<Waker>),
    /// The request is active.
    Attached(Place<B>),
    /// The request has ended.
    Failed(Error),
}

/// Where a request is active.
pub(super) struct Place<B> {
    pub(super) request: RequestKey,
    pub(super) connection: ConnectionKey,
    pub(super) sender: Arc<Sender<B>>,
}

impl<B> Waiting<B> {
    pub(super) const fn new() -> Self {
        Self {
            futures: Vec::new(),
            free: Vec::new(),
            by_request: Vec::new(),
        }
    }

    /// A future for a request that pends.
    pub(super) fn insert(&mut self, request: RequestKey) -> Ticket {
        let waiter = Waiter::Pending(request, None);
        let ticket = match self.free.pop() {
            Some(ticket) => {
                self.futures[ticket as usize] = waiter;
                ticket
            }
            None => {
                self.futures.push(waiter);
                Ticket::try_from(self.futures.len() - 1).expect("fewer requests than 2^32")
            }
        };
        let index = request.index();
        if index >= self.by_request.len() {
            self.by_request.resize(index + 1, None);
        }
        self.by_request[index] = Some(ticket);
        ticket
    }

    /// A pending request has its outcome. Returns whom to wake.
    pub(super) fn settle(&mut self, request: RequestKey, outcome: Waiter<B>) -> Option<Waker> {
        let ticket = self.by_request.get_mut(request.index())?.take()?;
        match mem::replace(&mut self.futures[ticket as usize], outcome) {
            Waiter::Pending(_, waker) => waker,
            _ => None,
        }
    }

    /// The outcome, whose future is done with then; without one, the waker is kept, in exchange for
    /// the one that was kept before.
    pub(super) fn poll(&mut self, ticket: Ticket, waker: &mut Option<Waker>) -> Option<Waiter<B>> {
        match &mut self.futures[ticket as usize] {
            Waiter::Pending(_, kept) => {
                mem::swap(kept, waker);
                None
            }
            _ => Some(self.remove(ticket)),
        }
    }

    /// A future is gone. Returns how far it had come.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Waiter<B> {
        let waiter = mem::replace(&mut self.futures[ticket as usize], Waiter::Free);
        if let Waiter::Pending(request, _) = waiter {
            self.by_request[request.index()] = None;
        }
        self.free.push(ticket);
        if self.free.len() == self.futures.len() {
            *self = Self::new();
        }
        waiter
    }
}
