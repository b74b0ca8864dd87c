//! Limits on connections that somebody else accepts and hyper serves: [`Watcher`].
//!
//! For those who have an accept loop of their own. A [`Watcher`] is made once; for each connection
//! it gives a [`WatchedConnection`], which wraps the service, so that requests are counted, the
//! socket, if that is to be watched, too, and then the connection itself:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use axum::{Router, routing::get};
//! use hyper::server::conn::http1;
//! use hyper_util::rt::TokioIo;
//! use hyper_util::service::TowerToHyperService;
//! use meshpool::{InboundPool, Limits};
//!
//! # async fn run() -> std::io::Result<()> {
//! let pool = InboundPool::new(Limits::new().max_requests_per_connection(1000));
//! let watcher = pool.watcher().grace(Duration::from_secs(10));
//! let app = Router::new().route("/user", get(|| async { "Kevin" }));
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! loop {
//!     let (socket, _) = listener.accept().await?;
//!     let connection = watcher.connection();
//!     let io = connection.io(TokioIo::new(socket));
//!     let service = connection.service(TowerToHyperService::new(app.clone()));
//!     let http = http1::Builder::new().serve_connection(io, service).with_upgrades();
//!     tokio::spawn(connection.watch(http));
//! }
//! # }
//! ```
//!
//! [`Watch`] takes hyper's HTTP/1 connections, plain and upgradeable, its HTTP/2 connections, and
//! both kinds of hyper-util's `auto`. The Tower layers that limit *requests* go into the service
//! as ever; connections are all that is dealt with here.
//!
//! # When a connection is retired
//!
//! - It carried [`max_requests_per_connection`](crate::Limits::max_requests_per_connection). On
//!   HTTP/1 the response to the last has `connection: close`. On HTTP/2 a GOAWAY frame is sent just
//!   before the response to the last stream, or 10 milliseconds after that was opened, or when one
//!   more is opened, whichever comes first; streams that the client opened before it heard of it
//!   are served, or with [`refuse_late_streams`](Watcher::refuse_late_streams) answered with
//!   REFUSED_STREAM, which tells the client that it may safely send them again.
//! - It had no active request for [`idle_timeout`](crate::Limits::idle_timeout). A request is
//!   active until its response body is dropped, and, if the socket is
//!   [watched](WatchedConnection::io), as long as the peer goes on to take what is left of the
//!   response within that time. A `CONNECT` that was granted on an HTTP/2 stream
//!   keeps its connection from being idle from then on.
//! - It reached the age of [`max_connection_duration`](crate::Limits::max_connection_duration).
//! - [`Watcher::shut_down`] was called.
//!
//! A retired connection takes no further requests (HTTP/1) or tells its client to send none
//! (HTTP/2), serves what is in flight, and closes. There is a [`grace`](Watcher::grace) period for
//! that, after which the connection takes nothing more and is dropped: at once if it is too old or
//! was shut down, and otherwise when what is still active then has ended.
//!
//! # Live changes
//!
//! [`InboundPool::update`](crate::InboundPool::update) reaches open connections. A count that is
//! already past a lowered limit retires an HTTP/2 connection at once, and an HTTP/1 connection
//! with its next response. Timers go on from their original start: a connection that is older
//! than a lowered duration is retired at once. No connection is reset by it.
//!
//! # Stalled sockets
//!
//! A peer that accepts no bytes while there are bytes to write, for as long as the pool's
//! [stall timeout](crate::inbound::Builder::stall_timeout), loses its connection, if the socket
//! is [watched](WatchedConnection::io). This catches what is too small for the stall timeout of
//! response bodies: an HTTP/1 response of a few kilobytes waits in the server's buffer.
//!
//! # Upgrades
//!
//! A connection that was handed over to another protocol is no longer HTTP: its watch has ended,
//! and none of the above applies to the socket.
//!
//! Istio: `connectionPool.http.{maxRequestsPerConnection, idleTimeout}` and
//! `connectionPool.tcp.maxConnectionDuration`; Envoy: `common_http_protocol_options` and its
//! `drain_timeout`, which here is `grace`.

mod decision;
mod future;
mod graceful;
mod signals;
mod watcher;

pub use self::future::{Watch, WatchError};
pub use self::graceful::GracefulConnection;
pub use self::watcher::{WatchedConnection, Watcher};
pub use super::connection::{ConnectionBody, ConnectionIo, ConnectionService, ResponseFuture};
