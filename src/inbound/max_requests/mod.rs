//! Limits active requests, and holds the others back: [`MaxRequestsLayer`].
//!
//! One half of [`connection_pool`](super::connection_pool), for stacks of one's own: like Tower's
//! limits it waits in `poll_ready`, and leaves it to others how many may wait, and for how long.
//! Unlike theirs it counts a request until its response *body* has ended, its state survives a
//! layer that is applied again for each route and connection, and its limit can be changed live.
//!
//! ```
//! use meshpool::inbound::{MaxPendingRequestsLayer, MaxRequestsLayer};
//! use tower::{ServiceBuilder, service_fn};
//! # use http::{Request, Response};
//! # type Body = http_body_util::Full<bytes::Bytes>;
//! # async fn user(_: Request<Body>) -> Result<Response<Body>, std::convert::Infallible> {
//! #     Ok(Response::new(Body::from("Kevin")))
//! # }
//!
//! // 100 run, 20 wait, and the next is refused.
//! let service = ServiceBuilder::new()
//!     .layer(MaxPendingRequestsLayer::new(20))
//!     .layer(MaxRequestsLayer::new(100))
//!     .service(service_fn(user));
//! # let _ = service;
//! ```
//!
//! # A ready service holds a slot
//!
//! The permit is taken in `poll_ready`, goes with the request, and then with the response body.
//! So a service that was made ready and is not called holds a slot for as long as it lives, and
//! one that was polled once and then left alone is granted a slot, when its turn comes, that
//! nobody uses. Where each request makes its own clone ready, calls it and drops it, as axum and
//! hyper-util do, neither happens: a clone begins un-ready, and gives up with its drop whatever it
//! has. Where a clone lives long, as behind Tower's `LoadShed`, in its `Buffer`'s worker, or as a
//! ready endpoint of its `Balance`, both do. There use
//! [`ConnectionPoolLayer`](super::ConnectionPoolLayer), whose ready clones hold nothing.
//!
//! # Orders of composition
//!
//! - [`MaxPendingRequestsLayer`](super::MaxPendingRequestsLayer) outside: *n* run, *m* wait, the
//!   next is refused. Never more than *n* run, but one may be refused although there is room: a
//!   waiter that was granted its slot keeps its place until its task is polled again.
//! - `MaxPendingRequestsLayer` inside: it has nothing to limit, since what is inside of it is
//!   always ready. Everybody waits here, without bound.
//! - On an axum `Router` apply both in one stack: between two calls of `Router::layer` axum puts
//!   something that is always ready, and the outer of the two never sees that the inner is not.
//! - A `LoadShed` outside refuses what would wait, by an error of its own; mind the section above.
//! - Around another limit that waits in `poll_ready`, the slot is taken first and held while the
//!   other is waited for; inside of one, the other way round.
//!
//! # What is refused
//!
//! Nothing, unless the pool is closed, or has a limit on pending requests and is full: then the
//! service is ready, and refuses the request that it is called with, as
//! [`connection_pool`](super::connection_pool) does. A request that is
//! [exempt](super::Builder::exempt) is served without a permit, but waits like the others until
//! the service is ready, which knows no request yet. For probes apply this layer to the other
//! routes only.

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::MaxRequestsLayer;
pub use self::service::MaxRequests;
