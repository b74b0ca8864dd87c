//! All destinations of a client: each with its pool, made when the first request comes, forgotten
//! some time after the last.
//!
//! The map is read for each request and written for each new destination. A destination is *idle*
//! when it has no request; of those a fixed number is kept, for their counters and connections.
//! The map is swept when that many have been added since the last time, so that in the long run a
//! new destination costs the same however many there are, unless none are to be kept: those that are *empty*, with no connection either, are
//! forgotten, and of the others the longest idle close their connections.

mod key;
mod room;
mod turns;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use self::key::{Key, Name};
pub(super) use self::key::{Target, split, without_user};
pub(super) use self::room::Claim;
use self::room::Room;
use super::connection::KeepAlive;
use super::destination::ConnectionKey;
use super::pool::{Opener, Pool, Protocols, Use};
use crate::limits::LimitsSource;

/// What does not change once a client is built.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) protocols: Protocols,
    pub(super) keep_alive: KeepAlive,
    pub(super) pending_timeout: Option<Duration>,
    pub(super) response_timeout: Option<Duration>,
    pub(super) max_total_connections: Option<usize>,
    pub(super) max_idle_destinations: usize,
}

pub(super) struct Destinations<B: Send + 'static> {
    pub(super) options: Options,
    pub(super) opener: Box<dyn Opener<B>>,
    source: Box<dyn LimitsSource>,
    map: RwLock<Map<B>>,
    room: Option<Room<B>>,
    is_closed: AtomicBool,
    emptied: Notify,
}

struct Map<B: Send + 'static> {
    pools: HashMap<Name, Arc<Pool<B>>>,
    /// With how many destinations the idle ones are looked for.
    sweep_at: usize,
}

impl<B: Send + 'static> Destinations<B> {
    pub(super) fn new(
        options: Options,
        opener: Box<dyn Opener<B>>,
        source: Box<dyn LimitsSource>,
    ) -> Self {
        Self {
            opener,
            source,
            map: RwLock::new(Map {
                pools: HashMap::new(),
                sweep_at: options.max_idle_destinations,
            }),
            room: options.max_total_connections.map(Room::new),
            is_closed: AtomicBool::new(false),
            emptied: Notify::new(),
            options,
        }
    }

    pub(super) fn source(&self) -> &dyn LimitsSource {
        &*self.source
    }

    /// The pool of a destination, if it has one.
    pub(super) fn find(&self, target: &Target<'_>) -> Option<Arc<Pool<B>>> {
        self.read().pools.get(target as &dyn Key).cloned()
    }

    /// The pool of a destination.
    pub(super) fn find_or_add(self: &Arc<Self>, target: &Target<'_>) -> Arc<Pool<B>> {
        if let Some(pool) = self.find(target) {
            return pool;
        }
        let destination = target.to_destination();
        // Before the limits, so that they are at least as new as this says.
        let revision = self.source.revision();
        let limits = self.source.limits(&destination);
        let pool = Arc::new(Pool::new(destination, limits, revision, self.clone()));
        let pool = self.add(pool);
        if self.source.revision() != revision {
            self.refresh_one(&pool);
        }
        if self.is_closed() {
            pool.close();
        }
        pool
    }

    /// Adds a pool, unless there is one already, and returns the one that there is.
    fn add(&self, new: Arc<Pool<B>>) -> Arc<Pool<B>> {
        let mut map = self.write();
        let swept = match map.pools.len() >= map.sweep_at {
            true => Some(map.sweep(self.options.max_idle_destinations)),
            false => None,
        };
        let pool = map
            .pools
            .entry(Name(new.destination().clone()))
            .or_insert(new)
            .clone();
        drop(map);
        for (since, idle) in swept.into_iter().flat_map(|swept| swept.too_many) {
            idle.close_if_idle_since(since);
        }
        pool
    }

    /// The limits have changed: has every destination obey.
    pub(super) fn refresh(&self) {
        for pool in self.pools() {
            self.refresh_one(&pool);
        }
    }

    fn refresh_one(&self, pool: &Arc<Pool<B>>) {
        let revision = self.source.revision();
        let limits = self.source.limits(pool.destination());
        pool.set_limits(limits, revision);
    }

    pub(super) fn pools(&self) -> Vec<Arc<Pool<B>>> {
        self.read().pools.values().cloned().collect()
    }

    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        for pool in self.pools() {
            pool.close();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Nobody can send any more: closes, and lets go of the pools, which live on as long as
    /// anything is under way in them.
    pub(super) fn abandon(&self) {
        self.close();
        let pools = std::mem::take(&mut self.write().pools);
        drop(pools);
    }

    /// Waits until no destination has a request or a connection.
    pub(super) async fn idle(&self) {
        loop {
            let mut emptied = std::pin::pin!(self.emptied.notified());
            emptied.as_mut().enable();
            if self.pools().iter().all(|pool| pool.is_empty()) {
                return;
            }
            emptied.await;
        }
    }

    /// A destination has become empty, or was so.
    pub(super) fn one_is_empty(&self) {
        self.emptied.notify_waiters();
    }

    // === Room among all connections ===

    pub(super) fn has_room_to_claim(&self) -> bool {
        self.room.is_some()
    }

    pub(super) fn claim_room(&self, pool: &Arc<Pool<B>>, key: ConnectionKey) -> Claim {
        match &self.room {
            Some(room) => room.claim(pool, key),
            None => Claim::Boundless,
        }
    }

    /// Has destinations with unused connections give them up, as many as are wanted.
    pub(super) fn make_room(&self) {
        while let Some(pool) = self.room.as_ref().and_then(Room::next_offer) {
            pool.yield_room();
        }
    }

    /// A destination has an unused connection. Whether somebody wants its room.
    pub(super) fn offer_room(&self, pool: &Arc<Pool<B>>) -> bool {
        self.room.as_ref().is_some_and(|room| room.offer(pool))
    }

    /// A destination has no connection any more.
    pub(super) fn withdraw_offer(&self, pool: &Arc<Pool<B>>) {
        if let Some(room) = &self.room {
            room.withdraw(pool);
        }
    }

    pub(super) fn is_short_of_room(&self) -> bool {
        self.room.as_ref().is_some_and(Room::is_short)
    }

    /// An unused connection closes for the sake of one that has no room.
    pub(super) fn will_give_room(&self) {
        if let Some(room) = &self.room {
            room.promise();
        }
    }

    /// A connection is gone, as had been [promised](Self::will_give_room) or not.
    pub(super) fn give_room(&self, was_promised: bool) {
        let Some(room) = &self.room else {
            return;
        };
        room.free(was_promised);
        // Whoever is at it already, be it in a frame below this one, does it: in a runtime that has
        // ended each connection that begins is gone at once.
        while let Some(giving) = room.start_giving() {
            while let Some((pool, key)) = room.next_to_begin() {
                if !pool.unblock(key) {
                    room.free(false);
                }
            }
            drop(giving);
        }
    }

    /// A connection that waits for room is not needed any more.
    pub(super) fn forget(&self, pool: &Arc<Pool<B>>, key: ConnectionKey) {
        if let Some(room) = &self.room {
            room.forget(pool, key);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Map<B>> {
        self.map.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Map<B>> {
        self.map.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is left to do, without the lock, when the map was swept.
struct Swept<B: Send + 'static> {
    /// Not in the map any more, and to be dropped.
    _empty: Vec<Arc<Pool<B>>>,
    /// Still there, and to close their connections, after which the next sweep finds them empty;
    /// unless they have been in use meanwhile.
    too_many: Vec<(Instant, Arc<Pool<B>>)>,
}

impl<B: Send + 'static> Map<B> {
    /// Forgets the destinations that are empty, and finds those that have been idle for longest.
    fn sweep(&mut self, may_be_idle: usize) -> Swept<B> {
        let (mut empty, mut idle) = (Vec::new(), Vec::new());
        for pool in self.pools.values() {
            match pool.evict() {
                Use::None => empty.push(pool.clone()),
                Use::IdleSince(since) => idle.push((since, pool)),
                Use::Busy => {}
            }
        }
        let too_many = idle.len().saturating_sub(may_be_idle);
        if too_many > 0 {
            idle.select_nth_unstable_by_key(too_many - 1, |(since, _)| *since);
        }
        let too_many = idle.iter().take(too_many);
        let too_many = too_many.map(|(since, pool)| (*since, Arc::clone(pool)));
        let too_many = too_many.collect();
        for pool in &empty {
            self.pools.remove(pool.destination() as &dyn Key);
        }
        self.sweep_at = self.pools.len() + may_be_idle;
        Swept {
            _empty: empty,
            too_many,
        }
    }
}
