//! The inbound side: limits on the requests that this process serves.
//!
//! An [`InboundPool`] is made once and makes layers; all services that they wrap share its limits.
//! Here is what a service needs around it: the layers, each in a folder of its own, and with the
//! `server` feature the limits on connections and the accept loop. How a limit is kept is in
//! [`admission`](crate::admission), what a refusal looks like in [`http`](crate::http), and where
//! limits come from is nobody's business here.
//!
//! ```
//! use axum::{Router, routing::get};
//! use meshpool::{InboundPool, Limits};
//!
//! let pool = InboundPool::new(Limits::new().max_requests(100).max_pending_requests(20));
//! let app: Router = Router::new()
//!     .route("/user", get(|| async { "Kevin" }))
//!     .layer(pool.layer());
//! # let _ = app;
//!
//! // later, live:
//! pool.update(Limits::new().max_requests(50));
//! ```

mod accessors;
pub mod admit;
#[cfg(feature = "server")]
mod connection;
pub mod connection_pool;
pub mod max_pending_requests;
pub mod max_requests;
#[cfg(feature = "server")]
#[cfg_attr(docsrs, doc(cfg(feature = "server")))]
pub mod max_requests_per_connection;
mod pool;
mod progress;
mod queued;
#[cfg(feature = "server")]
#[cfg_attr(docsrs, doc(cfg(feature = "server")))]
pub mod serve;
#[cfg(feature = "server")]
#[cfg_attr(docsrs, doc(cfg(feature = "server")))]
pub mod watch;

pub use self::admit::{Admit, AdmitLayer};
pub use self::connection_pool::{ConnectionPool, ConnectionPoolLayer};
pub use self::max_pending_requests::{MaxPendingRequests, MaxPendingRequestsLayer};
pub use self::max_requests::{MaxRequests, MaxRequestsLayer};
#[cfg(feature = "server")]
pub use self::max_requests_per_connection::{
    MaxRequestsPerConnection, MaxRequestsPerConnectionLayer,
};
pub use self::pool::{Builder, InboundPool, LeakedPool, PoolHandle, SharedPool};
#[cfg(feature = "server")]
pub use self::serve::{Listener, Serve, serve};
#[cfg(feature = "server")]
pub use self::watch::{WatchedConnection, Watcher};
