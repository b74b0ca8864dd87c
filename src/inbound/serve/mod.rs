//! An accept loop whose connections obey the pool: [`serve()`].
//!
//! It serves HTTP/1 and HTTP/2 (by ALPN of a TLS listener or by prior knowledge, also called
//! h2c) on any [`Listener`], with upgrades, and has what plain `axum::serve` lacks: GOAWAY after
//! a number of requests, idle and maximum durations, a limit on accepted connections, timeouts
//! against slow clients, and a graceful shutdown that ends.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use axum::{Router, routing::get};
//! use meshpool::{InboundPool, Limits};
//!
//! # async fn run() -> std::io::Result<()> {
//! let pool = InboundPool::new(
//!     Limits::new()
//!         .max_requests(100)
//!         .max_requests_per_connection(1000)
//!         .idle_timeout(Duration::from_secs(60)),
//! );
//! let app = Router::new()
//!     .route("/user", get(|| async { "Kevin" }))
//!     .layer(pool.layer()); // limits requests; `serve` limits connections
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! meshpool::inbound::serve(listener, app)
//!     .pool(&pool)
//!     .max_connections(10_000)
//!     .with_graceful_shutdown(async {
//!         tokio::signal::ctrl_c().await.expect("a signal handler can be installed");
//!     })
//!     .await;
//! # Ok(())
//! # }
//! ```
//!
//! The application is any Tower service for HTTP requests that can be cloned, like axum's
//! `Router`, alone or with layers around it, or tonic's `Routes`.
//!
//! # Connections
//!
//! Which are retired, when, and what that means for what is in flight is said in
//! [`watch`](super::watch#when-a-connection-is-retired): this is an accept loop around a
//! [`Watcher`](super::Watcher). Limits come from the [`pool`](Serve::pool), live, except the number
//! of accepted connections: a rule's `maxConnections` never limits those, so that it is
//! set [here](Serve::max_connections), in code.
//!
//! # Slow clients
//!
//! A TLS handshake has [10 seconds](Serve::handshake_timeout), and it keeps nobody else waiting.
//! The head of an HTTP/1 request has [30 seconds](Serve::header_read_timeout) from its first byte,
//! and so has a new connection until it is known what it speaks. A peer that takes
//! nothing is dropped after the pool's [stall timeout](super::Builder::stall_timeout).
//!
//! # Who the peer is
//!
//! [`connect_info`](Serve::connect_info) puts into each request's extensions whatever the
//! application wants to know of the connection, such as axum's `ConnectInfo`.

mod accept;
mod app;
mod connection;
mod head_timer;
mod listener;
mod run;
mod server;

#[cfg(unix)]
pub use self::listener::UnixIo;
pub use self::listener::{Listener, TcpIo};
pub use self::run::ServeFuture;
use self::server::ConnectInfo;
pub use self::server::{Serve, serve};
