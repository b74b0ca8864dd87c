//! One destination at work: its [`Machine`](super::destination::Machine), the senders of its
//! connections and the futures of its pending requests, under one lock.
//!
//! Whatever happens is an *event*: the lock is taken, the machine is told, and what it wants done
//! is looked up in the tables ([`State::carry_out`](state::State)); then the lock is left, and
//! only now is anything done that runs other code ([`Effects`](effects::Effects)): connections are
//! opened, tasks ordered, futures woken. An event is short and allocates nothing as a rule.
//!
//! What must not live here: what a decision is (that is the machine's), and what HTTP looks like
//! (that is the connection's and the client's).

mod connections;
mod effects;
mod events;
mod lease;
mod opener;
mod pending;
mod retries;
mod state;
mod timer;
mod waiting;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

pub(crate) use self::events::Admitted;
pub(crate) use self::lease::Lease;
pub(super) use self::opener::{Connector, Opener};
pub(crate) use self::pending::Pending;
pub(super) use self::retries::{RetriesExhausted, RetrySlot};
use self::state::State;
use super::destination::{Expected, Machine, Stats};
use super::destinations::Destinations;
use crate::limits::{Destination, Limits, Scheme};

/// As long as any timer need wait before it looks again: a year.
const FAR_OFF: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The pool of one destination.
pub(crate) struct Pool<B: Send + 'static> {
    destination: Destination,
    /// What connectors are called with.
    uri: Uri,
    all: Arc<Destinations<B>>,
    /// Connections are opened wherever the event happens that asks for them; outside of any
    /// runtime, in this one.
    runtime: Handle,
    /// The machine's time 0.
    epoch: Instant,
    state: Mutex<State<B>>,
    /// The timer's task is to look again.
    timer: Notify,
}

impl<B: Send + 'static> Pool<B> {
    pub(super) fn new(
        destination: Destination,
        limits: Limits,
        revision: u64,
        all: Arc<Destinations<B>>,
    ) -> Self {
        let expected = match (all.options.protocols, destination.scheme()) {
            (Protocols::Http2Only, _) => Expected::Http2,
            (Protocols::Negotiated, Scheme::Https) => Expected::Negotiated,
            (Protocols::Negotiated, Scheme::Http) | (Protocols::Http1Only, _) => Expected::Http1,
        };
        let machine = Machine::new(limits, expected);
        let state = State::new(
            machine,
            destination.clone(),
            revision,
            all.has_room_to_claim(),
        );
        Self {
            uri: uri_of(&destination),
            all,
            runtime: Handle::current(),
            epoch: Instant::now(),
            state: Mutex::new(state),
            timer: Notify::new(),
            destination,
        }
    }

    pub(crate) fn destination(&self) -> &Destination {
        &self.destination
    }

    pub(crate) fn pending_timeout(&self) -> Option<Duration> {
        self.all.options.pending_timeout
    }

    pub(crate) fn response_timeout(&self) -> Option<Duration> {
        self.all.options.response_timeout
    }

    pub(crate) fn stats(&self) -> Stats {
        self.lock().machine.stats()
    }

    pub(crate) fn limits(&self) -> Limits {
        *self.lock().machine.limits()
    }

    /// Whether it has neither a request nor a connection.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().machine.is_empty()
    }

    /// Makes it useless if it is not used at all, so that whoever still has it looks for another
    /// one, and says whether it is.
    pub(super) fn evict(&self) -> Use {
        let mut state = self.lock();
        state.is_evicted |= state.machine.is_empty();
        match state.machine.idle_since() {
            _ if state.is_evicted => Use::None,
            Some(since) => Use::IdleSince(self.epoch + since),
            None => Use::Busy,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// A time of the machine's; another one far off, if there is no such instant.
    fn instant(&self, time: Duration) -> Instant {
        let instant = self.epoch.checked_add(time);
        instant.unwrap_or_else(|| Instant::now() + FAR_OFF)
    }
}

/// What a pool is there for at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It has neither a request nor a connection.
    None,
    /// It has no request, but connections.
    IdleSince(Instant),
    /// It has a request, or a retry that is to come, or its connections are closing.
    Busy,
}

/// What a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Protocols {
    /// HTTP/1 in the clear, what the handshake settles on over TLS.
    #[default]
    Negotiated,
    Http1Only,
    Http2Only,
}

fn uri_of(destination: &Destination) -> Uri {
    let (host, port) = (destination.host(), destination.port());
    Uri::builder()
        .scheme(destination.scheme().as_str())
        .authority(format!("{host}:{port}"))
        .path_and_query("/")
        .build()
        .expect("a host and a port that came from a URI make one")
}
