//! The pool: made once, a cheap handle to the state that all its layers share.

mod builder;
mod handle;
mod meeting;
mod observer;
mod state;

use std::sync::Arc;

use http::Request;

pub use self::builder::Builder;
pub use self::handle::{LeakedPool, PoolHandle, SharedPool};
pub(crate) use self::state::State;

use super::{AdmitLayer, ConnectionPoolLayer};
use crate::Limits;
use crate::admission::{Admission, Attempt, Idle, Permit, Stats};

/// Limits on the requests that this process serves, shared by all that it makes.
///
/// Cloning is cheap, and clones share their state; so do all layers made of it, the services
/// those make, and the clones of these, on any number of routes, connections and runtimes. The
/// state lives here and not in a layer: `axum::serve` applies layers again for each connection
/// and route.
///
/// ```
/// use meshpool::{InboundPool, Limits};
///
/// let pool = InboundPool::new(Limits::new().max_requests(2));
/// assert_eq!(pool.limits().max_requests, Some(2));
/// assert_eq!(pool.stats().active, 0);
///
/// pool.update(pool.limits().max_pending_requests(10)); // live
/// ```
#[derive(Clone, Debug)]
pub struct InboundPool<H: PoolHandle = SharedPool> {
    admission: Admission<H>,
}

impl InboundPool {
    /// Makes a pool with these limits and otherwise the defaults of [`builder`](Self::builder).
    pub fn new(limits: Limits) -> Self {
        Self::builder().limits(limits).build()
    }

    /// Makes a pool with more to choose than the limits.
    pub fn builder() -> Builder {
        Builder::new()
    }

    fn from_state(state: State) -> Self {
        Self {
            admission: Admission::from_handle(SharedPool(Arc::new(state))),
        }
    }

    /// The same pool for as long as the process lives, reached without reference counts: the
    /// fastest.
    ///
    /// It shares its state with `self`. What it leaks is never freed, so call it once.
    pub fn leak(&self) -> InboundPool<LeakedPool> {
        let SharedPool(state) = self.admission.handle();
        let leaked: &'static Arc<State> = Box::leak(Box::new(state.clone()));
        InboundPool {
            admission: Admission::from_handle(LeakedPool(leaked)),
        }
    }
}

impl<H: PoolHandle> InboundPool<H> {
    /// A layer that limits active and pending requests in one: what HTTP services should use.
    pub fn layer(&self) -> ConnectionPoolLayer<H> {
        ConnectionPoolLayer::new(self.clone())
    }

    /// A layer for services that are not HTTP: it refuses with a typed error, and a request is
    /// active until its response future has ended.
    pub fn admit_layer(&self) -> AdmitLayer<H> {
        AdmitLayer::new(self.clone())
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        self.state().limits()
    }

    /// Puts other limits in force, live and exactly from this moment: nothing in flight is
    /// dropped, nobody who waits is evicted, and the new limits see the old load. See
    /// [`Admission::update`].
    ///
    /// Open connections hear of it, too: see `watch` and `serve`.
    pub fn update(&self, limits: Limits) {
        self.state().update(limits);
    }

    /// Chooses between enforcing (`false`, the default) and observing. See
    /// [`Admission::set_observing`].
    pub fn set_observing(&self, observing: bool) {
        self.admission.set_observing(observing);
    }

    /// Refuses every request from now on, except those that are exempt. Those that are active or
    /// wait are served. There is no way back: this is for shutting down.
    pub fn close(&self) {
        self.admission.close();
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.admission.is_closed()
    }

    /// Waits until no request is active and none pending: after [`close`](Self::close), for the
    /// last that was admitted. Cancel safe.
    ///
    /// Exempt requests hold no permit, and are not waited for.
    pub fn idle(&self) -> Idle<H> {
        self.admission.idle()
    }

    /// Whether the next request would wait or be refused: for a readiness probe that takes a
    /// saturated instance out of the load balancer. While observing, only once it is closed. A
    /// hint; it may have changed since.
    pub fn is_saturated(&self) -> bool {
        let full = if self.state().is_waiting_room() {
            let stats = self.admission.stats();
            let places = stats.max_pending_requests;
            !stats.observing && places.is_some_and(|places| stats.pending >= places)
        } else {
            self.admission.is_saturated()
        };
        full || self.is_closed()
    }

    /// Limits and use of one instant, and what was counted. Takes the lock for a moment.
    pub fn stats(&self) -> Stats {
        self.state().stats()
    }

    pub(crate) fn state(&self) -> &State {
        self.admission.handle().state()
    }

    pub(crate) fn admission(&self) -> &Admission<H> {
        &self.admission
    }

    /// Admits a request at once, if it can be. If not, [`attempt`](Self::attempt) says what is to
    /// be done.
    #[inline]
    pub(crate) fn admit(&self) -> Option<Permit<H>> {
        let permit = self.admission.admit()?;
        self.state().count_admitted();
        Some(permit)
    }

    /// Says whether one that was not admitted can wait; there may have come a slot by now.
    pub(crate) fn attempt(&self) -> Attempt<H> {
        let attempt = self.admission.attempt();
        if let Attempt::Admitted(_) = attempt {
            self.state().count_admitted();
        }
        attempt
    }

    /// Notes that the request meets this pool; a second time is a mistake in the stack of layers.
    #[inline]
    pub(crate) fn meet<B>(&self, request: &mut Request<B>) {
        if cfg!(debug_assertions) {
            meeting::note(self.state(), request);
        }
    }
}
