//! What both directions share of HTTP: the body that carries a permit, refusals, deadlines.
//!
//! Here is what an admission means for a request with a head, a body and a version. What is a
//! layer, a pool or a connection is not here but in [`inbound`](crate::inbound); nothing here
//! decides whether a request is admitted.
//!
//! ```
//! use meshpool::http::{Refused, RequestHead};
//! use meshpool::{InboundPool, Limits};
//!
//! // The two types that a user's own closures meet:
//! let pool = InboundPool::builder()
//!     .limits(Limits::new().max_requests(1))
//!     .exempt(|request: RequestHead<'_>| request.uri().path() == "/healthz")
//!     .on_refused(|refused: &Refused, _request: RequestHead<'_>| {
//!         http::Response::new(refused.to_string().into())
//!     })
//!     .build();
//! # let _ = pool;
//! ```

mod body;
mod deadline;
mod head;
mod hold;
mod map_body;
mod refusal;
mod refused;
mod stall;

pub use self::body::ResponseBody;
pub(crate) use self::deadline::grpc_timeout;
pub use self::head::RequestHead;
pub(crate) use self::hold::Hold;
pub use self::hold::UpgradePermit;
pub use self::map_body::{MapBody, MapBodyLayer, ResponseFuture as MapBodyFuture};
pub(crate) use self::refusal::Refusals;
pub use self::refused::{PendingTimeout, Refused};
pub(crate) use self::stall::Stalls;

/// Any error, as Tower's middleware passes them on.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
