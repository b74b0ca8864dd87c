//! [`Acceptor`]: accepts connections as long as there is room, and survives what goes wrong.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::Listener;

/// Told of each error.
pub(super) type OnError = Box<dyn Fn(&io::Error) + Send + Sync>;

const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Acceptor<L> {
    listener: L,
    slots: Option<Arc<Semaphore>>,
    on_error: Option<OnError>,
}

/// A connection that was accepted.
pub(super) struct Accepted<L: Listener> {
    pub(super) handshake: L::Handshake,
    pub(super) peer: L::Addr,
    pub(super) slot: Option<OwnedSemaphorePermit>,
}

impl<L: Listener> Acceptor<L> {
    pub(super) fn new(listener: L, max: Option<usize>, on_error: Option<OnError>) -> Self {
        let slots = max.map(|max| Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))));
        Self {
            listener,
            slots,
            on_error,
        }
    }

    /// Waits for room first: what is not accepted waits in the system's backlog.
    pub(super) async fn accept(&mut self) -> Accepted<L> {
        let slot = match &self.slots {
            Some(slots) => {
                let slot = slots.clone().acquire_owned().await;
                Some(slot.expect("it is never closed"))
            }
            None => None,
        };
        let mut pause = SHORTEST_PAUSE;
        loop {
            match poll_fn(|cx| self.listener.poll_accept(cx)).await {
                Ok((handshake, peer)) => {
                    return Accepted {
                        handshake,
                        peer,
                        slot,
                    };
                }
                Err(error) => {
                    if let Some(on_error) = &self.on_error {
                        on_error(&error);
                    }
                    if is_the_clients(&error) {
                        // Many in a row are not to keep a shutdown from being heard.
                        yield_now().await;
                    } else {
                        // No descriptors, no memory: it takes a while until there are any.
                        sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
            }
        }
    }
}

/// Whether it concerns one connection only, and not the listener.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

impl<L: fmt::Debug> fmt::Debug for Acceptor<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("listener", &self.listener)
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}
