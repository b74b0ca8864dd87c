//! What [`meshpool::admission`] promises, one test to each promise.
//!
//! Futures are polled by hand, so that each step happens exactly when the test says; only
//! `executors` and `stress` use threads. All schedules of a few threads are in `tests/loom`.

mod cancel;
mod close;
mod executors;
mod limits;
mod memory;
mod observe;
mod overflow;
mod permits;
mod queue;
mod reference;
mod stats;
mod stress;
mod support;
mod wakers;
