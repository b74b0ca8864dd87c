//! The machine from inside: its invariants under random events, and what no scenario shows.

mod check;
mod events;
mod handed_back;
mod memory;
mod model;
mod pool;
mod random;
