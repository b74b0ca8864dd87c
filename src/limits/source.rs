//! [`LimitsSource`]: where a pool's limits come from; [`LiveLimits`], one that code sets.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::subscribers::Subscribers;
use super::{Destination, Limits};

/// What is called when limits have changed. See [`LimitsSource::subscribe`].
pub type Subscriber = dyn Fn() + Send + Sync;

/// Says which limits are in force for a destination, and when that has changed.
///
/// [`Limits`] are a source that never changes, the same for all; [`LiveLimits`] are set by code.
/// One of your own chooses by host:
///
/// ```
/// use std::sync::Weak;
/// use meshpool::Limits;
/// use meshpool::limits::{Destination, LimitsSource, Subscriber};
///
/// struct GentleWithLegacy;
///
/// impl LimitsSource for GentleWithLegacy {
///     fn limits(&self, destination: &Destination) -> Limits {
///         match destination.host() {
///             "legacy" => Limits::new().max_connections(1),
///             _ => Limits::new().max_connections(100),
///         }
///     }
///
///     fn revision(&self) -> u64 {
///         0
///     }
///
///     fn subscribe(&self, _: Weak<Subscriber>) {}
/// }
/// ```
pub trait LimitsSource: Send + Sync {
    /// The limits for this destination now. Called for each new destination, and for all after
    /// each change, under no lock of the pool's.
    fn limits(&self, destination: &Destination) -> Limits;

    /// A number that has grown whenever [`limits`](Self::limits) may answer otherwise than before.
    /// It grows no sooner than they do.
    fn revision(&self) -> u64;

    /// Has this called after each change, so that pools obey it without a request that asks; for
    /// as long as it can be upgraded. To be called on any thread, under no lock that
    /// [`limits`](Self::limits) needs.
    fn subscribe(&self, subscriber: Weak<Subscriber>);
}

/// These limits, for every destination and for ever.
impl LimitsSource for Limits {
    fn limits(&self, _: &Destination) -> Limits {
        *self
    }

    fn revision(&self) -> u64 {
        0
    }

    fn subscribe(&self, _: Weak<Subscriber>) {}
}

impl<S: LimitsSource + ?Sized> LimitsSource for Arc<S> {
    fn limits(&self, destination: &Destination) -> Limits {
        (**self).limits(destination)
    }

    fn revision(&self) -> u64 {
        (**self).revision()
    }

    fn subscribe(&self, subscriber: Weak<Subscriber>) {
        (**self).subscribe(subscriber);
    }
}

/// Limits that code sets while they are in force, the same for every destination. Clones share
/// them.
///
/// ```
/// use meshpool::Limits;
/// use meshpool::limits::LiveLimits;
///
/// let limits = LiveLimits::new(Limits::new().max_connections(4));
/// // … give a clone to a client, and later:
/// limits.set(Limits::new().max_connections(8));
/// assert_eq!(limits.get().max_connections, Some(8));
/// ```
#[derive(Clone)]
pub struct LiveLimits(Arc<Live>);

struct Live {
    revision: AtomicU64,
    limits: Mutex<Limits>,
    subscribers: Subscribers,
}

impl LiveLimits {
    /// Limits to begin with.
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Live {
            revision: AtomicU64::new(0),
            limits: Mutex::new(limits),
            subscribers: Subscribers::default(),
        }))
    }

    /// The limits in force.
    pub fn get(&self) -> Limits {
        *self.lock()
    }

    /// Puts other limits in force. When this returns, every pool that draws on them obeys them.
    pub fn set(&self, limits: Limits) {
        *self.lock() = limits;
        self.0.revision.fetch_add(1, Ordering::AcqRel);
        self.0.subscribers.tell();
    }

    fn lock(&self) -> MutexGuard<'_, Limits> {
        self.0.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LimitsSource for LiveLimits {
    fn limits(&self, _: &Destination) -> Limits {
        self.get()
    }

    fn revision(&self) -> u64 {
        self.0.revision.load(Ordering::Acquire)
    }

    fn subscribe(&self, subscriber: Weak<Subscriber>) {
        self.0.subscribers.add(subscriber);
    }
}

impl fmt::Debug for LiveLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveLimits").field(&self.get()).finish()
    }
}
