//! What the handles of one pool share.

#[cfg(feature = "server")]
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::watch;

use super::builder::Config;
use super::observer::Observer;
use crate::Limits;
use crate::admission::{Core, Stats, WakeList};
use crate::http::{Refusals, Refused, RequestHead, Stalls};

/// The core first: its word shares a cache line with the `Arc`'s counts.
#[derive(Debug)]
#[repr(C)]
pub struct State {
    core: Core,
    config: Config,
    observer: Observer,
    stalls: Option<Arc<Stalls>>,
    /// What refusals say, prepared for the limits in force.
    refusals: RwLock<Arc<Refusals>>,
    /// The limits in force; open connections listen.
    limits: watch::Sender<Limits>,
    /// Requests per connection, of the limits in force, where each response can afford to look;
    /// 0 is unlimited.
    #[cfg(feature = "server")]
    per_connection: Arc<AtomicU32>,
}

impl State {
    pub(super) fn new(limits: Limits, config: Config) -> Self {
        let (slots, places) = config.slots_and_places(&limits);
        let core = Core::new(slots, places, config.time_waits);
        core.set_observing(config.observing);
        Self {
            core,
            observer: Observer::new(&config.name),
            stalls: config.stall_timeout.map(Stalls::new),
            refusals: RwLock::new(Arc::new(Refusals::new(
                &limits,
                config.retry_after.as_ref(),
            ))),
            limits: watch::Sender::new(limits),
            #[cfg(feature = "server")]
            per_connection: Arc::new(AtomicU32::new(per_connection(&limits))),
            config,
        }
    }

    #[inline]
    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    pub(crate) fn stalls(&self) -> Option<&Arc<Stalls>> {
        self.stalls.as_ref()
    }

    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    pub(super) fn limits(&self) -> Limits {
        *self.limits.borrow()
    }

    /// The limits in force, and word of each change.
    #[cfg(feature = "server")]
    pub(crate) fn watch_limits(&self) -> watch::Receiver<Limits> {
        self.limits.subscribe()
    }

    /// Requests per connection, live: 0 is unlimited.
    #[cfg(feature = "server")]
    pub(crate) fn per_connection(&self) -> &Arc<AtomicU32> {
        &self.per_connection
    }

    /// How long a reader may take nothing.
    #[cfg(feature = "server")]
    pub(crate) fn stall_timeout(&self) -> Option<Duration> {
        self.config.stall_timeout
    }

    pub(super) fn update(&self, limits: Limits) {
        let mut wakes = WakeList::default();
        // One change at a time: the channel's lock keeps all in step.
        self.limits.send_modify(|current| {
            *current = limits;
            #[cfg(feature = "server")]
            self.per_connection
                .store(per_connection(&limits), Ordering::Relaxed);
            let (slots, places) = self.config.slots_and_places(&limits);
            self.core.update(slots, places, &mut wakes);
            let refusals = Refusals::new(&limits, self.config.retry_after.as_ref());
            *self
                .refusals
                .write()
                .unwrap_or_else(PoisonError::into_inner) = Arc::new(refusals);
        });
        // Not under that lock: wakers are foreign code, and may ask for the limits.
        wakes.wake_all();
    }

    #[inline]
    pub(crate) fn count_admitted(&self) {
        if self.config.count_admitted {
            self.core.count_admitted();
        }
    }

    /// Whether it keeps places alone, and no slots.
    pub(super) fn is_waiting_room(&self) -> bool {
        self.config.waiting_room
    }

    pub(super) fn stats(&self) -> Stats {
        let mut stats = self.core.stats();
        stats.admitted = self.config.count_admitted.then(|| self.core.admitted());
        if self.is_waiting_room() {
            // It has no slots by design, not by a limit.
            stats.max_requests = None;
            let overflowed = &mut stats.overflowed;
            overflowed.max_pending_requests += std::mem::take(&mut overflowed.max_requests);
        }
        stats
    }

    /// Whether any request could be [exempt](Self::is_exempt).
    #[inline]
    pub(crate) fn has_exemptions(&self) -> bool {
        self.config.exempt.is_some()
    }

    /// Whether the request is to be served without a permit.
    pub(crate) fn is_exempt<B>(&self, request: &Request<B>) -> bool {
        let exempt = self.config.exempt.as_ref();
        exempt.is_some_and(|exempt| exempt(RequestHead::of(request)))
    }

    /// How long a request may wait for its slot.
    pub(crate) fn pending_timeout(&self) -> Option<Duration> {
        self.config.pending_timeout
    }

    /// Slots have become scarce: sees to it that stalled readers lose theirs.
    pub(crate) fn tend_stalls(&self) {
        if let Some(stalls) = &self.stalls {
            stalls.tend();
        }
    }

    /// Tells who observes that a request was refused.
    #[inline]
    pub(crate) fn refused(&self, refused: impl FnOnce() -> Refused) {
        self.observer.refused(self.name(), refused);
    }

    /// Tells who observes that a request waits no longer.
    #[inline]
    pub(super) fn waited(&self, time: Duration) {
        self.observer.waited(self.name(), time);
    }

    /// Answers a request that was refused.
    #[cold]
    pub(crate) fn refuse<B>(&self, refused: &Refused, request: &Request<B>) -> Response<Bytes> {
        self.tend_stalls();
        self.refused(|| *refused);
        let request = RequestHead::of(request);
        if let Some(on_refused) = &self.config.on_refused {
            return on_refused(refused, request);
        }
        let refusals = self
            .refusals
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        refusals.response(refused, request)
    }
}

#[cfg(feature = "server")]
fn per_connection(limits: &Limits) -> u32 {
    limits
        .max_requests_per_connection
        .map_or(0, std::num::NonZeroU32::get)
}
