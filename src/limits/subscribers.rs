//! Who is told that limits have changed.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use super::Subscriber;

/// The subscribers of a source. Those that are gone are forgotten.
#[derive(Default)]
pub(crate) struct Subscribers(Mutex<Vec<Weak<Subscriber>>>);

impl Subscribers {
    pub(crate) fn add(&self, subscriber: Weak<Subscriber>) {
        let mut subscribers = self.lock();
        subscribers.retain(|it| it.strong_count() > 0);
        subscribers.push(subscriber);
    }

    /// Calls each of them, under no lock.
    pub(crate) fn tell(&self) {
        let subscribers: Vec<_> = self.lock().iter().filter_map(Weak::upgrade).collect();
        for subscriber in subscribers {
            subscriber();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Subscriber>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subscribers")
            .field(&self.lock().len())
            .finish()
    }
}
