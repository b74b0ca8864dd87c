//! [`ChosenLimits`]: a source of limits that differ by destination.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use meshpool::Limits;
use meshpool::limits::{Destination, LimitsSource, Subscriber};

/// None, but for the destinations that have been given some.
#[derive(Clone, Default)]
pub(crate) struct ChosenLimits(Arc<Chosen>);

#[derive(Default)]
struct Chosen {
    limits: Mutex<HashMap<Destination, Limits>>,
    revision: AtomicU64,
    subscribers: Mutex<Vec<Weak<Subscriber>>>,
}

impl ChosenLimits {
    pub(crate) fn set(&self, destination: Destination, limits: Limits) {
        let chosen = &self.0;
        chosen.limits.lock().unwrap().insert(destination, limits);
        chosen.revision.fetch_add(1, Ordering::SeqCst);
        let subscribers = chosen.subscribers.lock().unwrap().clone();
        for subscriber in subscribers.iter().filter_map(Weak::upgrade) {
            subscriber();
        }
    }
}

impl LimitsSource for ChosenLimits {
    fn limits(&self, destination: &Destination) -> Limits {
        let limits = self.0.limits.lock().unwrap();
        limits.get(destination).copied().unwrap_or_default()
    }

    fn revision(&self) -> u64 {
        self.0.revision.load(Ordering::SeqCst)
    }

    fn subscribe(&self, subscriber: Weak<Subscriber>) {
        self.0.subscribers.lock().unwrap().push(subscriber);
    }
}
