//! Models of the admission core: each is run under every schedule that loom can find with up to
//! three preemptions, and asserts an invariant, not a schedule.
//!
//! A model is two or three threads and a handful of steps, since the number of schedules grows
//! with the factorial of both. A lost wake-up needs no assertion: loom reports the deadlock. Each
//! model ends with [`Model::finish`], which checks that every slot and every place is back.
//!
//! `LOOM_MAX_PREEMPTIONS` changes the bound, `LOOM_LOG=1 LOOM_LOCATION=1` shows a failing schedule.
#![cfg(all(meshpool_loom, test))]

mod admit;
mod cancel;
mod idle;
mod limits;
mod observe;
mod queue;
mod wake;

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use loom::thread::{self, JoinHandle};
use meshpool::admission::{Acquire, Admission, Overflow, Permit, Shared};

/// Runs a model under all schedules, with up to three preemptions unless the environment says
/// otherwise.
fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(model);
}

/// An admission, with a witness of how many run that does not ask it.
#[derive(Clone)]
struct Model {
    admission: Admission,
    running: Arc<AtomicU32>,
}

impl Model {
    fn new(slots: u32, places: u32) -> Self {
        Self {
            // No clock: a schedule must repeat exactly.
            admission: Admission::untimed(slots, places),
            running: Arc::new(AtomicU32::new(0)),
        }
    }

    fn spawn<T: 'static>(&self, body: impl FnOnce(Self) -> T + 'static) -> JoinHandle<T> {
        let model = self.clone();
        thread::spawn(move || body(model))
    }

    /// Runs with a permit: there must be at most `limit` that do.
    fn run(&self, permit: Permit<Shared>, limit: u32) {
        let running = self.running.fetch_add(1, Relaxed) + 1;
        assert!(running <= limit, "{running} run, {limit} may");
        self.running.fetch_sub(1, Relaxed);
        drop(permit);
    }

    /// Waits for a slot, and runs.
    fn wait_and_run(&self, limit: u32) {
        let permit = block_on(self.acquire()).expect("there is room");
        self.run(permit, limit);
    }

    /// Runs in a thread of its own, with the slot that this future waits for.
    fn spawn_waiter(&self, acquire: Acquire<Shared>, limit: u32) -> JoinHandle<()> {
        self.spawn(move |model| {
            let permit = block_on(acquire).unwrap();
            model.run(permit, limit);
        })
    }

    /// Makes a future and polls it once with a waker that does nothing: it must wait.
    fn queue_up(&self) -> Acquire<Shared> {
        let mut acquire = self.acquire();
        assert!(poll(&mut acquire).is_pending());
        acquire
    }

    fn hold(&self) -> Permit<Shared> {
        self.try_acquire().expect("there is a slot")
    }

    /// Whether all is as if nothing had ever run: every slot and place is there, and no more.
    fn finish(&self, slots: u32, places: u32) {
        let stats = self.stats();
        assert_eq!((stats.active, stats.pending, stats.uncounted), (0, 0, 0));
        assert_eq!(self.running.load(Relaxed), 0);
        let held: Vec<_> = (0..slots).map(|_| self.hold()).collect();
        assert!(self.try_acquire().is_err());
        let mut waiting: Vec<_> = (0..places).map(|_| self.queue_up()).collect();
        assert!(matches!(poll(&mut self.acquire()), Poll::Ready(Err(_))));
        drop(held);
        for acquire in &mut waiting {
            assert!(matches!(poll(acquire), Poll::Ready(Ok(_))));
        }
    }
}

impl Deref for Model {
    type Target = Admission;

    fn deref(&self) -> &Admission {
        &self.admission
    }
}

/// Polls with a waker that does nothing.
fn poll(acquire: &mut Acquire<Shared>) -> Poll<Result<Permit<Shared>, Overflow>> {
    Pin::new(acquire).poll(&mut Context::from_waker(Waker::noop()))
}
