//! [`RetryPolicy`]: requests sent again, and a limit on how many of those are under way.
//!
//! A policy for [`tower::retry`]. Its retries draw on the pool of their destination:
//! [`max_retries`](crate::Limits::max_retries), or the share of the load that a
//! [`retry_budget`](crate::Limits::retry_budget) is, counts those of all clones and all requests,
//! so that an outage is not made worse by everybody trying again.
//!
//! ```no_run
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use hyper_util::client::legacy::connect::HttpConnector;
//! use meshpool::Limits;
//! use meshpool::outbound::Client;
//! use meshpool::outbound::retry::{RetryOn, RetryPolicy};
//! use tower::retry::Retry;
//! use tower::{Service, ServiceExt};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let limits = Limits::new().max_connections(4).max_retries(2);
//! let client: Client<Full<Bytes>> =
//!     Client::builder().limits(limits).build(HttpConnector::new());
//! let policy = RetryPolicy::new(&client)
//!     .on(RetryOn::GATEWAY_ERROR | RetryOn::CONNECT_FAILURE)
//!     .retries(3);
//! let mut client = Retry::new(policy, client);
//!
//! let request = http::Request::get("http://user/name").body(Full::default())?;
//! let response = client.ready().await?.call(request).await?;
//! # let _ = response;
//! # Ok(())
//! # }
//! ```
//!
//! # What is retried
//!
//! What [`RetryOn`] says, by default what cannot have reached the server. Envoy's rules hold:
//!
//! - A refusal by a limit is never retried, nor one that says `x-envoy-ratelimited`. Nor is what
//!   is wrong with the request itself, or took too long *before* it was sent.
//! - A slot is held from the decision to the outcome of that retry, the time in between included
//!   in which it [backs off](RetryPolicy::back_off) or is pending. It is given back as well if the
//!   retry is dropped.
//! - A retry is a request like any other: it goes to the tail of the queue, and it needs a place.
//! - A budget is a share of what is active and pends when the retry is decided on. The attempt that
//!   it follows is among that on HTTP/1; on HTTP/2 only if it was answered, with a body that has not
//!   ended.
//! - Without a slot, the response or error in hand is the answer, and is counted
//!   ([`rq_retry_overflow`](super::destination::Counters::rq_retry_overflow)). So it is after as
//!   many retries as the policy allows one request ([`RetryStats::limit_exceeded`]).
//!   [`RetryRecord`] says which it was.
//! - The response in hand is dropped when a retry is decided on. If its body has not ended, that
//!   closes an HTTP/1 connection.
//!
//! Whether sending it twice does harm is not looked at: restrict [`RetryOn`] to what is safe for
//! the requests at hand.
//!
//! # Bodies
//!
//! A request is retried only if its body can be sent again. [`RetryPolicy::new`] takes bodies that
//! are `Clone`, and a clone for a body from its beginning, as it is for http-body-util's `Full` and
//! `Empty`. For others [`RetryPolicy::with`] is told how to have a body again, and of which that is
//! not possible: one that reads from a socket, say, and was not kept while it was sent.

mod back_off;
mod on;
mod policy;
mod record;

pub use self::back_off::BackOff;
pub use self::on::{RetryOn, UnknownCondition};
pub use self::policy::{RetryPolicy, RetryStats};
pub use self::record::{NotRetried, RetryRecord};
