//! Slots, places, and a queue: the limiter that everything else is built on.
//!
//! An [`Admission`] has a number of *slots*, in which requests are active, and a number of
//! *places*, in which they wait for a slot. Both are unlimited or any number, 0 included, and can
//! be changed at any time. What lives here knows no HTTP, no Tower and no runtime: whoever limits
//! something else (jobs, connections, transactions) can use it as it is.
//!
//! ```
//! use meshpool::admission::{Admission, Resource};
//!
//! # tokio_test::block_on(async {
//! let admission = Admission::new(1, 1); // one slot, one place
//!
//! let running = admission.acquire().await?;
//! let mut waiting = tokio_test::task::spawn(admission.acquire());
//! assert!(waiting.poll().is_pending());
//!
//! let refused = admission.acquire().await.unwrap_err();
//! assert_eq!(refused.resource, Resource::MaxPendingRequests);
//!
//! drop(running); // the slot goes to the one who waits
//! assert!(waiting.is_woken());
//! assert!(waiting.poll().is_ready());
//! # Ok::<(), meshpool::admission::Overflow>(()) }).unwrap();
//! ```
//!
//! # Exactness and fairness
//!
//! There are never more active than the limit, on any number of threads, except for debt: what
//! was active when the limit was lowered. Nothing is refused while there is a slot or a place.
//! The queue is strictly first in, first out; a slot that comes free goes directly to the first
//! waiter, and a newcomer cannot overtake. The price of that is one hand-off for each slot while
//! somebody waits; the alternative starved single tasks for a tenth of a second in measurements.
//!
//! # What is lock-free
//!
//! To admit, to refuse, and to release while nobody waits. To queue, to be granted, to cancel, to
//! change limits and to take a snapshot takes a short lock, under which nothing foreign runs; so
//! does noting that more are active than ever before.
//!
//! # Memory ordering
//!
//! Taking a slot acquires what whoever released it had done before: with one slot this is a
//! mutex.
//!
//! # Cancel safety
//!
//! Every future here can be dropped at any point. See [`Acquire`].

#[cfg(not(target_has_atomic = "64"))]
compile_error!(
    "meshpool keeps free slots and pending requests in one 64-bit atomic word, and this target \
     has no 64-bit atomics"
);

mod acquire;
mod core;
mod handle;
mod idle;
mod limiter;
mod overflow;
mod permit;
mod stats;
mod wake;

pub use self::acquire::Acquire;
#[cfg(feature = "inbound")]
pub(crate) use self::core::Core;
#[cfg(feature = "inbound")]
pub(crate) use self::handle::sealed::Reach;
pub use self::handle::{Handle, Leaked, Shared};
pub use self::idle::Idle;
pub use self::limiter::Admission;
#[cfg(feature = "inbound")]
pub(crate) use self::limiter::Attempt;
#[cfg(feature = "inbound")]
pub(crate) use self::overflow::Packed;
pub use self::overflow::{Overflow, Resource};
pub use self::permit::Permit;
pub use self::stats::{Bucket, Overflowed, Stats, WaitHistogram};
#[cfg(any(feature = "inbound", feature = "outbound"))]
pub(crate) use self::wake::WakeList;
