//! Limits active and pending requests in one: [`ConnectionPoolLayer`].
//!
//! It gives an HTTP service what an Istio sidecar's `connectionPool` gives it: at most *n*
//! requests are active, at most *m* wait, and the next is refused at once. It is what people
//! should use; [`max_requests`](super::max_requests) and
//! [`max_pending_requests`](super::max_pending_requests) do one thing each, for stacks of one's
//! own, and promise less.
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
//! ```
//!
//! # What is active, and for how long
//!
//! A request takes its permit when it is called, not when the service is asked whether it is
//! ready: a clone that sits there ready holds nothing. It is active until its response *body* has
//! ended, failed or been dropped; or until its future is dropped, the service fails or the
//! handler panics, if there is no response. A body that nobody reads is aborted after the
//! [stall timeout](super::Builder::stall_timeout). On a request that asks for an upgrade, the
//! handler finds an [`UpgradePermit`](crate::http::UpgradePermit) to keep beside the socket.
//!
//! # What waits
//!
//! A request that finds no slot, but a place, waits on a fresh clone of the service, in the order
//! in which the response futures are first polled. It waits for its slot at most as long as the
//! [pending timeout](super::Builder::pending_timeout), and a gRPC request at most as long as its
//! `grpc-timeout`. Dropping the future gives the place up.
//!
//! # What is refused, and how
//!
//! With neither slot nor place: 503, `content-type: text/plain`, `x-envoy-overloaded: true`,
//! `x-envoy-ratelimited: true`, and a line that names the limit. The first mark tells the answer
//! from the application's own 503; the second is what stops an Envoy in front from retrying. To
//! `application/grpc` it is HTTP 200 with `grpc-status: 14`. The `Error` type is the service's
//! own: refusals are responses. For any other answer see
//! [`on_refused`](super::Builder::on_refused).
//!
//! # Where to put it
//!
//! Around everything that a request costs, once. A request that met the same pool twice would
//! hold two permits; debug builds panic then. Around a whole router under plain `axum::serve`,
//! which wants its own body type, [`ConnectionPoolLayer::map_body`] provides that.

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::ConnectionPoolLayer;
pub use self::service::ConnectionPool;
