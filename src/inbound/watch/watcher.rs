use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Watch;
use crate::Limits;
use crate::inbound::connection::{Connection, ConnectionIo, ConnectionService, Count, Jitter};
use crate::inbound::pool::{InboundPool, PoolHandle};

/// Watches connections for a pool: what they carry, how long they are idle, how old they become.
/// See the [module](super).
///
/// Made once with [`InboundPool::watcher`]; its settings are those of the connections that it
/// makes from then on. Clones share one [`shut_down`](Self::shut_down).
#[derive(Clone, Debug)]
pub struct Watcher {
    per_connection: Arc<AtomicU32>,
    limits: watch::Receiver<Limits>,
    policy: Policy,
    /// Whether it was shut down; each connection holds a receiver.
    shutdown: Arc<watch::Sender<bool>>,
}

/// What does not change in the life of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) jitter: Jitter,
    pub(super) grace: Option<Duration>,
    pub(super) refuse_late_streams: bool,
    pub(super) stall_timeout: Option<Duration>,
    /// How long it may take until it is known what the client speaks.
    pub(super) opening_timeout: Option<Duration>,
}

impl<H: PoolHandle> InboundPool<H> {
    /// Watches connections on behalf of this pool. See [`watch`](crate::inbound::watch).
    pub fn watcher(&self) -> Watcher {
        Watcher {
            per_connection: self.state().per_connection().clone(),
            limits: self.state().watch_limits(),
            policy: Policy {
                jitter: Jitter::default(),
                grace: Some(Duration::from_secs(30)),
                refuse_late_streams: false,
                stall_timeout: self.state().stall_timeout(),
                opening_timeout: None,
            },
            shutdown: Arc::new(watch::Sender::new(false)),
        }
    }
}

impl Watcher {
    /// How long a retired connection may take to close before it is dropped; `None` is as long as
    /// it likes. Default: 30 seconds.
    ///
    /// One that is too old or is shut down is dropped when the period is over, and requests that
    /// are still active then are cut off.
    ///
    /// One that carried its number of requests, or was idle, never cuts a request off. When the
    /// period is over what is active is still served, HTTP/2 streams that the client opens all
    /// the same are refused (REFUSED_STREAM), and the connection is dropped as soon as it has had
    /// no active request for as long as the period.
    ///
    /// Envoy: `drain_timeout`, five seconds.
    #[must_use]
    pub fn grace(mut self, grace: impl Into<Option<Duration>>) -> Self {
        self.policy.grace = grace.into();
        self
    }

    /// Takes a share of the number of requests and of the maximum duration off, at random, up to
    /// `share`, once for each connection, so that connections opened together do not all close
    /// together. Limits are only ever shortened, and a tenth of each is always left, at least one
    /// request. Default: 0, limits are exact.
    ///
    /// # Panics
    ///
    /// If `share` is not within 0 and 1.
    #[must_use]
    pub fn jitter(mut self, share: f64) -> Self {
        self.policy.jitter = Jitter::new(share);
        self
    }

    /// Whether HTTP/2 streams past the number of requests per connection are answered with
    /// REFUSED_STREAM, which makes that number exact. Default: no; those that the client opened
    /// before the GOAWAY reached it are served, as in Envoy.
    #[must_use]
    pub fn refuse_late_streams(mut self, refuse: bool) -> Self {
        self.policy.refuse_late_streams = refuse;
        self
    }

    /// The same on behalf of another pool.
    pub(crate) fn for_pool<H: PoolHandle>(self, pool: &InboundPool<H>) -> Self {
        let other = pool.watcher();
        Self {
            policy: Policy {
                stall_timeout: other.policy.stall_timeout,
                ..self.policy
            },
            ..other
        }
    }

    pub(crate) fn opening_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.policy.opening_timeout = timeout;
        self
    }

    /// A connection that was just accepted: its age begins here.
    pub fn connection(&self) -> WatchedConnection {
        let count = Count::new(&self.per_connection, self.policy.jitter);
        WatchedConnection {
            connection: Arc::new(Connection::new(count)),
            policy: self.policy,
            limits: self.limits.clone(),
            shutdown: self.shutdown.subscribe(),
        }
    }

    /// Retires all connections, those to come as well. There is no way back.
    pub fn shut_down(&self) {
        self.shutdown.send_replace(true);
    }

    /// Whether [`shut_down`](Self::shut_down) was called.
    pub fn is_shut_down(&self) -> bool {
        *self.shutdown.borrow()
    }

    /// Waits until there is no connection left. Cancel safe.
    pub async fn closed(&self) {
        self.shutdown.closed().await;
    }
}

/// One connection of a [`Watcher`]. It counts as open until this, or the [`Watch`] made of it, is
/// dropped.
#[derive(Debug)]
pub struct WatchedConnection {
    pub(super) connection: Arc<Connection>,
    pub(super) policy: Policy,
    pub(super) limits: watch::Receiver<Limits>,
    pub(super) shutdown: watch::Receiver<bool>,
}

impl WatchedConnection {
    /// Wraps the service that serves this connection, and no other, so that its requests are
    /// counted. Both hyper's and Tower's services will do.
    pub fn service<S>(&self, service: S) -> ConnectionService<S> {
        let connection = self.connection.clone();
        ConnectionService::new(service, connection, self.policy.refuse_late_streams)
    }

    /// Wraps the socket, so that a peer that takes nothing is noticed.
    pub fn io<I>(&self, io: I) -> ConnectionIo<I> {
        self.io_with_slot(io, None)
    }

    pub(crate) fn io_with_slot<I>(
        &self,
        io: I,
        slot: Option<OwnedSemaphorePermit>,
    ) -> ConnectionIo<I> {
        ConnectionIo::new(io, self.connection.clone(), slot)
    }

    pub(crate) fn state(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Waits until the watcher is shut down; for ever, if it is dropped before.
    pub(crate) async fn shutdown(&self) {
        let mut shutdown = self.shutdown.clone();
        if shutdown.wait_for(|shutdown| *shutdown).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Drives the connection to its end, which may be ours to bring about.
    ///
    /// Needs a Tokio runtime with its timer. Dropping the future drops the connection.
    pub fn watch<C>(self, connection: C) -> Watch<C> {
        Watch::new(self, connection)
    }
}
