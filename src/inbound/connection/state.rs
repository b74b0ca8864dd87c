//! [`Connection`]: what its service, its socket and its watch share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::Count;

/// One connection. All moments are nanoseconds since it was opened.
#[derive(Debug)]
pub(crate) struct Connection {
    opened: Instant,
    count: Count,
    active: AtomicUsize,
    /// When a request last ended, or a part of a response was last taken by the socket: hyper
    /// drops a body when it has its last bytes, and it may be long until they have left. Since
    /// then the connection is idle, if no request is active and the peer takes what it is sent.
    idle_since: AtomicU64,
    protocol: AtomicU8,
    /// Since when the peer takes nothing of what there is to write; 0 if it does.
    blocked_since: AtomicU64,
    /// Whether bytes came in since this was last reset.
    heard: AtomicBool,
    /// Whether the last read did not have to wait.
    read_ready: AtomicBool,
    /// Whether an HTTP/1 connection was handed over to another protocol.
    tunnel: AtomicBool,
    /// Whether there was a response once the connection had carried its number of requests.
    last_answered: AtomicBool,
    /// Whether HTTP/2 streams are refused from now on.
    closed: AtomicBool,
    /// Whether the client opens streams all the same.
    ignored: AtomicBool,
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Protocol {
    Unknown,
    Http1,
    Http2,
}

impl Connection {
    pub(crate) fn new(count: Count) -> Self {
        Self {
            opened: Instant::now(),
            count,
            active: AtomicUsize::new(0),
            idle_since: AtomicU64::new(0),
            protocol: AtomicU8::new(Protocol::Unknown as u8),
            blocked_since: AtomicU64::new(0),
            heard: AtomicBool::new(false),
            read_ready: AtomicBool::new(false),
            tunnel: AtomicBool::new(false),
            last_answered: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            ignored: AtomicBool::new(false),
        }
    }

    pub(crate) fn count(&self) -> &Count {
        &self.count
    }

    pub(crate) fn opened(&self) -> Instant {
        self.opened
    }

    /// A duration, shortened by what the jitter drew for this connection.
    pub(crate) fn jittered(&self, duration: Duration) -> Duration {
        self.count.cut().duration(duration)
    }

    pub(crate) fn protocol(&self) -> Protocol {
        match self.protocol.load(Ordering::Relaxed) {
            0 => Protocol::Unknown,
            1 => Protocol::Http1,
            _ => Protocol::Http2,
        }
    }

    pub(crate) fn set_protocol(&self, protocol: Protocol) {
        self.protocol.store(protocol as u8, Ordering::Relaxed);
    }

    /// Since when no request has been active and no response under way; `None` while there is
    /// one. A response that the peer does not take is under way until the stall timeout.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        // The end of a request stores the moment before it takes itself off.
        let idle = self.active.load(Ordering::Acquire) == 0
            && self.blocked_since.load(Ordering::Relaxed) == 0;
        idle.then(|| self.moment(self.idle_since.load(Ordering::Relaxed)))
    }

    /// Since when the peer has taken nothing of what there is to write.
    pub(crate) fn blocked_since(&self) -> Option<Instant> {
        let since = self.blocked_since.load(Ordering::Relaxed);
        (since != 0).then(|| self.moment(since))
    }

    pub(super) fn unblocked(&self) {
        // Mostly it is 0 already, and a load is cheaper.
        if self.blocked_since.load(Ordering::Relaxed) != 0 {
            self.blocked_since.store(0, Ordering::Relaxed);
        }
    }

    /// Says whether it was not blocked before.
    pub(super) fn blocked(&self) -> bool {
        let begins = self.blocked_since.load(Ordering::Relaxed) == 0;
        if begins {
            self.blocked_since
                .store(self.now().max(1), Ordering::Relaxed);
        }
        begins
    }

    /// Notes that a part of a response was taken, as far as can be told: refusals of many streams
    /// look the same, and are not to keep the connection open.
    pub(super) fn sent(&self) {
        if !self.ignored.load(Ordering::Relaxed) {
            self.idle_since.fetch_max(self.now(), Ordering::Relaxed);
        }
    }

    /// Notes that a response is about to be sent.
    pub(super) fn answer(&self) {
        if self.count.is_reached() {
            self.last_answered.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a response was sent, or is about to be, once the connection had carried its number
    /// of requests.
    pub(crate) fn has_answered_last(&self) -> bool {
        self.last_answered.load(Ordering::Relaxed)
    }

    /// Has HTTP/2 streams refused from now on; those that are active go on.
    pub(crate) fn close_to_streams(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Whether the HTTP/2 stream that was just opened is to be refused.
    pub(super) fn refuses_stream(&self) -> bool {
        let refuses = self.closed.load(Ordering::Relaxed);
        if refuses {
            self.ignored.store(true, Ordering::Relaxed);
        }
        refuses
    }

    /// Notes whether a read found bytes, or has to wait for them.
    pub(super) fn hear(&self, ready: bool) {
        self.read_ready.store(ready, Ordering::Relaxed);
        if ready && !self.heard.load(Ordering::Relaxed) {
            self.heard.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the last read found bytes, rather than having to wait for them.
    pub(crate) fn read_ready(&self) -> bool {
        self.read_ready.load(Ordering::Relaxed)
    }

    /// Whether bytes came in since this was last asked.
    pub(crate) fn take_heard(&self) -> bool {
        self.heard.swap(false, Ordering::Relaxed)
    }

    pub(super) fn is_tunnel(&self) -> bool {
        self.tunnel.load(Ordering::Relaxed)
    }

    pub(super) fn set_tunnel(&self) {
        self.tunnel.store(true, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        // 584 years are enough.
        self.opened.elapsed().as_nanos() as u64
    }

    fn moment(&self, nanos: u64) -> Instant {
        self.opened + Duration::from_nanos(nanos)
    }
}

/// A request that is active on its connection, until this is dropped.
#[derive(Debug)]
pub(crate) struct Active(Arc<Connection>);

impl Active {
    pub(super) fn new(connection: &Arc<Connection>) -> Self {
        connection.active.fetch_add(1, Ordering::Relaxed);
        Self(connection.clone())
    }

    /// Leaves the connection active for good.
    pub(super) fn for_good(self) {
        self.0.active.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.0
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        let now = self.0.now();
        self.0.idle_since.fetch_max(now, Ordering::Relaxed);
        self.0.active.fetch_sub(1, Ordering::Release);
    }
}
