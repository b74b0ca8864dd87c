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
//!
//! # Orders of composition
//!
//! - Behind `LoadShed`, in a `Buffer`'s worker, as an endpoint of `Balance`: a ready clone holds
//!   nothing of the pool's, however long it sits there. `LoadShed` has nothing to shed, since
//!   waiting is for the request and not for readiness.
//! - Around another limit that holds back in `poll_ready` (Tower's, a `Buffer`): this asks the
//!   service inside whether it is ready before it takes a permit, so what that reserves is held
//!   without one. A request that waits leaves the ready service in place and drives its own clone
//!   to ready once it has its slot. Where each request clones the service and drops it (axum,
//!   hyper-util) that is all; a *single long-lived* service may sit on the one thing that its
//!   waiting clones need, until it is called again: around a `Buffer` of size 1, say. Put this
//!   inside of such a buffer, not around it.
//! - Inside a timeout: the time that a request waits counts, and one that is timed out gives its
//!   place or slot back. Outside of it: only what runs is timed.
//! - Around retries: all attempts run under one permit. Inside: each takes its own.

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::ConnectionPoolLayer;
pub use self::service::ConnectionPool;
