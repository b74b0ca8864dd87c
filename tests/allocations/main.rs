//! What is allocated: per request, per pool, per waiter.
//!
//! In debug builds each HTTP request is given a note of the pool that it met, which allocates;
//! there the tests assert that nothing else does. CI runs them with `--release`, too.

mod destination;
mod hosts;
mod memory;
mod requests;
