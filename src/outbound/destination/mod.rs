//! The pool of one destination, as a pure state machine.

mod action;
mod change;
mod connections;
mod entry;
mod key;
mod list;
mod machine;
mod requests;
mod retries;
mod serve;
mod slab;
mod stats;
mod timers;

pub use self::action::{Action, End, Expected, Failure, Placement, Protocol};
pub use self::key::{ConnectionKey, RequestKey};
pub use self::machine::Machine;
pub use self::stats::{CircuitBreakers, Counters, Stats};
