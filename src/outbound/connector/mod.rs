//! What this crate has to open connections with, beside the connectors of the ecosystem.
//!
//! A connector is a service from a URI to a connection: see [`Connect`](super::Connect), which says
//! what a client takes. One that is not here, or a layer around one, fits as well. A connector asks
//! for the limits of a destination at most: it knows no pool, and what becomes of a connection
//! once it is open is not its business.
//!
//! ```
//! # #[cfg(unix)] {
//! use bytes::Bytes;
//! use http_body_util::Empty;
//! use meshpool::Limits;
//! use meshpool::outbound::Client;
//! use meshpool::outbound::connector::UnixConnector;
//!
//! let client: Client<Empty<Bytes>> = Client::builder()
//!     .limits(Limits::new().max_connections(4))
//!     .build(UnixConnector::new("/run/user.sock"));
//! # let _ = client;
//! # }
//! ```

mod keep_alive;
#[cfg(unix)]
mod unix;

pub use self::keep_alive::{KeepAliveConnecting, KeepAliveConnector};
#[cfg(unix)]
pub use self::unix::{UnixConnecting, UnixConnection, UnixConnector};
