//! [`Builder`]: what can be chosen when a pool is made.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response};

use super::InboundPool;
use super::state::State;
use crate::Limits;
use crate::http::{Refused, RequestHead};

type Exempt = Box<dyn Fn(RequestHead<'_>) -> bool + Send + Sync>;
type OnRefused = Box<dyn Fn(&Refused, RequestHead<'_>) -> Response<Bytes> + Send + Sync>;

/// Builds an [`InboundPool`].
///
/// ```
/// use std::time::Duration;
/// use meshpool::{InboundPool, Limits};
///
/// let pool = InboundPool::builder()
///     .name("user")
///     .limits(Limits::new().max_requests(100).max_pending_requests(20))
///     .pending_timeout(Duration::from_secs(1))
///     .exempt(|request| matches!(request.uri().path(), "/healthz" | "/readyz"))
///     .build();
/// # let _ = pool;
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    limits: Limits,
    config: Config,
}

/// What does not change once the pool is made.
pub(super) struct Config {
    pub(super) name: Cow<'static, str>,
    pub(super) pending_timeout: Option<Duration>,
    pub(super) stall_timeout: Option<Duration>,
    pub(super) retry_after: Option<HeaderValue>,
    pub(super) exempt: Option<Exempt>,
    pub(super) on_refused: Option<OnRefused>,
    pub(super) count_admitted: bool,
    pub(super) time_waits: bool,
    pub(super) observing: bool,
    /// Only the places are used; see [`Builder::waiting_room`].
    pub(super) waiting_room: bool,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            limits: Limits::new(),
            config: Config {
                name: Cow::Borrowed("inbound"),
                pending_timeout: None,
                stall_timeout: Some(Duration::from_secs(60)),
                retry_after: None,
                exempt: None,
                on_refused: None,
                count_admitted: true,
                time_waits: true,
                observing: false,
                waiting_room: false,
            },
        }
    }

    /// The limits to begin with. Default: none.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The pool's name in metrics and events. Default: `inbound`.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.config.name = name.into();
        self
    }

    /// How long a request may wait for a slot before it is refused; `None` is for ever. Default:
    /// for ever. Needs Tokio's timer.
    ///
    /// A gRPC request never waits longer than its `grpc-timeout`. A slot that arrives before the
    /// time is up is used, however late it is noticed. Envoy has no such timeout of its own: its
    /// route timeout runs while a request waits.
    pub fn pending_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.config.pending_timeout = timeout.into();
        self
    }

    /// After how long a response whose reader takes nothing is aborted, so that stalled readers
    /// cannot hold their slots for ever; `None` or zero is never. Default: 60 seconds. Needs a
    /// Tokio runtime; without one it does not apply.
    ///
    /// What counts is the time from handing a piece of the body out to being asked for the next.
    /// A stream that has nothing to send (server-sent events, a long poll) is not stalled,
    /// however long that lasts. But a reader that takes longer than this for a single piece is:
    /// pieces of 8 MiB and readers at 1 Mbit/s need a longer timeout, or smaller pieces. An abort
    /// comes up to a quarter late. Envoy: `stream_idle_timeout`, five minutes.
    ///
    /// Watching costs two allocations a response and a short lock of the pool's. HTTP/1 bodies of
    /// known length up to 64 KiB are spared, for servers buffer them whole. On plain HTTP/1
    /// servers a reader that pipelines requests and takes nothing can still hold a slot;
    /// [`serve`](crate::inbound) and `watch` (feature `server`) drop its connection after the
    /// same time.
    pub fn stall_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.config.stall_timeout = timeout.into().filter(|timeout| !timeout.is_zero());
        self
    }

    /// Adds `retry-after` to refusals, in whole seconds, rounded up. Default: none, as in Envoy.
    pub fn retry_after(mut self, after: impl Into<Option<Duration>>) -> Self {
        self.config.retry_after = after.into().map(|after| {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            HeaderValue::from(seconds)
        });
        self
    }

    /// Requests that are served without a permit and never refused: probes and admin, lest
    /// overload makes the kubelet kill the pod. Default: none.
    pub fn exempt(
        mut self,
        exempt: impl Fn(RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.config.exempt = Some(Box::new(exempt));
        self
    }

    /// What a refused request is answered. Default: what Envoy answers (see
    /// [`connection_pool`](crate::inbound::connection_pool)).
    pub fn on_refused(
        mut self,
        on_refused: impl Fn(&Refused, RequestHead<'_>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.config.on_refused = Some(Box::new(on_refused));
        self
    }

    /// Whether to count the requests admitted in all. It costs one relaxed addition a request.
    /// Default: yes.
    pub fn count_admitted(mut self, count: bool) -> Self {
        self.config.count_admitted = count;
        self
    }

    /// Whether to note how long requests wait, for `waits` and `oldest_waiter` in
    /// [`InboundPool::stats`]. It reads the clock twice for each request that waits, and costs
    /// those nothing that do not. Default: yes.
    pub fn time_waits(mut self, time: bool) -> Self {
        self.config.time_waits = time;
        self
    }

    /// Whether to begin with observing and not enforcing. Default: enforcing. See
    /// [`InboundPool::set_observing`].
    pub fn observing(mut self, observing: bool) -> Self {
        self.config.observing = observing;
        self
    }

    /// Has the pool keep places alone: it never hands out a slot, and whoever waits leaves the
    /// queue when what it waits for has come from elsewhere.
    pub(in crate::inbound) fn waiting_room(mut self) -> Self {
        self.config.waiting_room = true;
        self
    }

    /// Makes the pool.
    pub fn build(self) -> InboundPool {
        InboundPool::from_state(State::new(self.limits, self.config))
    }
}

impl Config {
    /// What of the limits the core is to enforce.
    pub(super) fn slots_and_places(&self, limits: &Limits) -> (Option<u32>, Option<u32>) {
        let slots = if self.waiting_room {
            Some(0)
        } else {
            limits.max_requests
        };
        (slots, limits.max_pending_requests)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("name", &self.name)
            .field("pending_timeout", &self.pending_timeout)
            .field("stall_timeout", &self.stall_timeout)
            .field("retry_after", &self.retry_after)
            .field("exempt", &self.exempt.is_some())
            .field("on_refused", &self.on_refused.is_some())
            .field("count_admitted", &self.count_admitted)
            .field("time_waits", &self.time_waits)
            .field("observing", &self.observing)
            .field("waiting_room", &self.waiting_room)
            .finish()
    }
}
