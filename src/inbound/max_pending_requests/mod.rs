//! Limits how many requests wait for a service to become ready: [`MaxPendingRequestsLayer`].
//!
//! The other half of [`connection_pool`](super::connection_pool), for stacks of one's own. It goes
//! in front of any service that holds back in `poll_ready` and whose clones share what they wait
//! for: [`MaxRequestsLayer`](super::MaxRequestsLayer), Tower's `ConcurrencyLimit`, a rate limit
//! behind a `Buffer`. It is always ready itself. Each request waits on a clone of its own; if that
//! is ready at once the request runs, otherwise it needs one of *m* places, and without a place it
//! is refused.
//!
//! ```
//! use meshpool::inbound::MaxPendingRequestsLayer;
//! use tower::limit::GlobalConcurrencyLimitLayer;
//! use tower::{ServiceBuilder, service_fn};
//! # use http::{Request, Response};
//! # type Body = http_body_util::Full<bytes::Bytes>;
//! # async fn user(_: Request<Body>) -> Result<Response<Body>, std::convert::Infallible> {
//! #     Ok(Response::new(Body::from("Kevin")))
//! # }
//!
//! let pending = MaxPendingRequestsLayer::new(20);
//! let service = ServiceBuilder::new()
//!     .layer(pending.clone())
//!     .layer(GlobalConcurrencyLimitLayer::new(100)) // anybody's limit
//!     .service(service_fn(user));
//! # let _ = service;
//!
//! assert_eq!(pending.pool().stats().pending, 0);
//! ```
//!
//! # What a place is, and for how long
//!
//! A request takes its place when its future is first polled and finds the service un-ready. It
//! keeps it until the service is ready for it, and is then pending no more. It also gives it up
//! when its [pending timeout](super::Builder::pending_timeout) or `grpc-timeout` ends, when the
//! service fails, and when its future is dropped. In what order those who wait are served is up to
//! the service inside; [`MaxRequests`](super::MaxRequests) and `ConcurrencyLimit` serve them in the
//! order of their first polls.
//!
//! # What it does not promise
//!
//! Never do more than *m* wait. But a request may be refused although there is room: one that the
//! service inside has become ready for keeps its place until its task is polled again. Only
//! [`ConnectionPoolLayer`](super::ConnectionPoolLayer), which sees slots and places in one, refuses
//! nothing while there is room.
//!
//! # Orders of composition
//!
//! - Outside a limit: as above. *n* run, *m* wait, the next is refused.
//! - Outside a limit that was applied by another call of axum's `Router::layer`: what axum puts
//!   between the two is always ready, and hides the limit. Apply both in one `ServiceBuilder`.
//! - Inside a limit: there is nothing to wait for, and it never refuses.
//! - Behind `LoadShed`, in a `Buffer`'s worker, as an endpoint of `Balance`: a ready clone of this
//!   holds nothing, neither a place nor, through the service inside, a slot. This is what makes
//!   a limit inside of it safe there. `LoadShed` has nothing to shed then.
//! - Around a service whose clones do *not* share what they wait for (each with a rate limit of its
//!   own, say) every request waits for something else, and this bounds their number only.
//!
//! # What is refused
//!
//! A request without a place, as [`connection_pool`](super::connection_pool) says: 503 and two
//! headers, or `grpc-status: 14`. Options are those of the [`Builder`](super::Builder):
//! [`MaxPendingRequestsLayer::from_builder`].

mod future;
mod layer;
mod service;
mod waiting;

pub use self::future::ResponseFuture;
pub use self::layer::MaxPendingRequestsLayer;
pub use self::service::MaxPendingRequests;
