//! What is known of one connection: how many requests it carried, whether it is idle, whether its
//! peer takes what it is sent.
//!
//! The one way of counting for all three tiers. The layer for make-services uses the [`Count`]
//! alone; `watch` and `serve` use the [`Connection`] around it. What is done about it, and when,
//! is not here but in [`watch`](super::watch).

mod body;
mod count;
mod future;
mod io;
mod jitter;
mod linger;
mod service;
mod state;

pub use self::body::ConnectionBody;
pub(crate) use self::count::{Count, Reply};
pub use self::future::ResponseFuture;
pub use self::io::ConnectionIo;
pub(crate) use self::jitter::Jitter;
pub use self::service::ConnectionService;
pub(crate) use self::state::{Active, Connection, Protocol};
