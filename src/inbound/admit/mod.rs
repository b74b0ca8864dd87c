//! Limits active and pending requests of any service: [`AdmitLayer`].
//!
//! The same as [`connection_pool`](super::connection_pool), for services that are not HTTP. It
//! knows neither bodies nor statuses: a request is active until its response future has ended or
//! been dropped, and a refused one gets a typed [`Error`].
//!
//! ```
//! use meshpool::admission::Overflow;
//! use meshpool::{InboundPool, Limits};
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio_test::block_on(async {
//! let pool = InboundPool::new(Limits::new().max_requests(0).max_pending_requests(0));
//! let service = ServiceBuilder::new()
//!     .layer(pool.admit_layer())
//!     .service(service_fn(|number: u32| async move { Ok::<_, BoxError>(number + 1) }));
//!
//! let error = service.oneshot(41).await.unwrap_err();
//! let error: BoxError = error.into();
//! assert!(error.is::<Overflow>());
//! # });
//! ```
//!
//! Of compositions the same is true as [there](super::connection_pool#orders-of-composition): a
//! clone that sits there ready holds nothing of the pool's.
//!
//! # Errors
//!
//! The error type wraps the service's own. It is no `std::error::Error` itself, so that its
//! conversion to Tower's `BoxError` can unwrap it: what is inside can be downcast to, whatever
//! layers are around. Nothing is allocated to refuse before that conversion.

mod error;
mod future;
mod layer;
mod service;

pub use self::error::Error;
pub use self::future::ResponseFuture;
pub use self::layer::AdmitLayer;
pub use self::service::Admit;
