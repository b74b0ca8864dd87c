//! What happened, in the order in which it was seen, from both ends of the proxy.

use std::sync::{Arc, Mutex};

use crate::scenario::By;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// The upstream accepted a connection; they are numbered in this order.
    Opened(u32),
    Closed(u32, By),
    /// A connection whose handshake was held is no more. `observations.json` does not know of it.
    Abandoned,
    /// The upstream met a request: on which connection, as its how manieth.
    Attached(String, u32, u32),
    /// The upstream no longer holds a request, because it answered.
    Released,
    /// The upstream no longer holds a request, which has no answer.
    Aborted(String, String),
    /// A client sent a request.
    Sent,
    /// A client has all of its response.
    Answered(String, u16),
    /// A client has gone away without one.
    Left(String),
}

/// Shared by all that see something.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Event>>>);

impl Log {
    pub(crate) fn add(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn since(&self, start: usize) -> Vec<Event> {
        self.0.lock().unwrap()[start..].to_vec()
    }

    /// What is where now.
    pub(crate) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for event in &*self.0.lock().unwrap() {
            match event {
                Event::Opened(_) => tally.connections += 1,
                Event::Closed(..) | Event::Abandoned => tally.connections -= 1,
                Event::Attached(..) => tally.held += 1,
                Event::Released | Event::Aborted(..) => tally.held -= 1,
                Event::Sent => tally.in_flight += 1,
                Event::Answered(..) | Event::Left(_) => tally.in_flight -= 1,
            }
        }
        tally
    }
}

/// Seen from outside; what a proxy at rest must say of itself, too.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    /// Connections open at the upstream.
    pub(crate) connections: u64,
    /// Requests that the upstream holds.
    pub(crate) held: u64,
    /// Requests whose clients wait.
    pub(crate) in_flight: u64,
}
