//! Where atomics and locks come from: `std`, or `loom` when the models run.
//!
//! Only what the algorithm depends on goes through here. Statistics use `std` atomics in both
//! worlds: no decision depends on them, and modelling them would only multiply the schedules.

#[cfg(not(meshpool_loom))]
pub(super) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU32, AtomicU64},
};

#[cfg(meshpool_loom)]
pub(super) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU32, AtomicU64},
};

pub(super) use std::sync::atomic::Ordering;
