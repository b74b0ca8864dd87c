//! [`Client`]: an HTTP client with a bounded pool for each destination.
//!
//! ```no_run
//! use bytes::Bytes;
//! use http_body_util::{BodyExt, Empty};
//! use hyper_util::client::legacy::connect::HttpConnector;
//! use meshpool::Limits;
//! use meshpool::outbound::{Client, ErrorKind};
//! use tower::{Service, ServiceExt};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let limits = Limits::new().max_connections(4).max_pending_requests(100);
//! let mut client: Client<Empty<Bytes>> =
//!     Client::builder().limits(limits).build(HttpConnector::new());
//!
//! let request = http::Request::get("http://user/name").body(Empty::new())?;
//! match client.ready().await?.call(request).await {
//!     Ok(response) => println!("{:?}", response.into_body().collect().await?.to_bytes()),
//!     Err(error) if error.overflow().is_some() => println!("too busy: {error}"),
//!     Err(error) if !error.may_have_reached_server() => println!("to be sent again: {error}"),
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! There are at most four sockets to `user`, from the start of a connect to the end of the
//! socket. Four requests are active, each until its response's *body* has ended, been dropped or
//! failed; up to a hundred more are pending, and get connections in the order in which they came;
//! the next is refused at once, with an error that names the limit.
//!
//! # What a request goes through
//!
//! 1. Its URI says where it goes: scheme, host and port are its
//!    [`Destination`](crate::limits::Destination).
//! 2. The destination's pool decides at once, in [`call`](tower_service::Service::call): the
//!    request has a connection, is pending, or is refused.
//! 3. It is sent. If the connection turns out to be dead, and none of the request has left, it is
//!    sent on another, once, and its caller notices nothing. If some of it may have left, that is
//!    an error that [says so](crate::outbound::Error::may_have_reached_server).
//! 4. Its response's [body](ResponseBody) keeps it active to the end.
//!
//! Dropped anywhere on the way, everything is given back at once.
//!
//! # Connectors
//!
//! Connections are opened by any connector of the ecosystem: hyper-util's `HttpConnector` (where
//! `nodelay` is set, and TCP keep-alive, unless a
//! [`KeepAliveConnector`](crate::outbound::KeepAliveConnector) takes that from the limits),
//! hyper-rustls' `HttpsConnector`, this crate's
//! [`UnixConnector`](crate::outbound::UnixConnector), and layers around them. See
//! [`Connect`](crate::outbound::Connect).
//!
//! # HTTP/2
//!
//! A connection is used as soon as its handshake is done, as the protocol allows, with up to 97
//! streams until the server has said how many it takes. If those turn out to be too many, the
//! requests beyond wait within the connection: they are active, not pending, and are sent as the
//! server takes more. If the connection is lost before that, their errors say that they may have
//! reached the server: hyper does not tell which had left. After that a server's number is obeyed
//! as it changes, 0 included, and who has no stream is pending.
//!
//! All of a connection's work is done in one task, request bodies included: one that computes for
//! long holds the others of its connection up.
//!
//! # Upgrades
//!
//! A `101`, or a successful `CONNECT`, turns an HTTP/1 connection into something else.
//! `hyper::upgrade::on` gets it out of the response. The request stays active and the connection
//! keeps its slot until that is dropped. On HTTP/2 such a request is active until the response's
//! body is dropped: keep that as long as what came of it, or the connection counts as unused, and
//! may be closed.

mod body;
mod builder;
mod future;
mod head;
mod service;
mod upload;

pub use self::body::ResponseBody;
pub use self::builder::Builder;
pub use self::future::ResponseFuture;
pub use self::service::Client;
