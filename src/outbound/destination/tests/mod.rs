//! The machine from inside: its invariants under random events, and what no scenario shows.

mod check;
mod events;
mod memory;
mod model;
mod random;
