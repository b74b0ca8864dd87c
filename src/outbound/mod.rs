//! The outbound side: limits on the requests that this process sends.
//!
//! [`Client`] is a `tower` service that sends them; see [`client`] for how to use it. Inside it,
//! each destination has a [`destination::Machine`], which decides which connection a request
//! takes, how many there are and how many requests wait for one, and knows no socket, clock, task
//! or lock. Around it are the folders that do: `pool` (the machine of one destination at work),
//! `destinations` (all of them), `connection` (a connection from the connect to the end of its
//! socket, on hyper). [`retry`] sends requests again, within limits on that. How a limit is found is nobody's business here, nor is anything that serves
//! requests.

pub mod client;
mod connection;
pub mod destination;
mod destinations;
mod error;
mod pool;
pub mod retry;

pub use self::client::{Builder, Client, ResponseBody, ResponseFuture};
pub use self::connection::Connect;
#[cfg(unix)]
pub use self::connection::{UnixConnecting, UnixConnection, UnixConnector};
pub use self::error::{Error, ErrorKind};
