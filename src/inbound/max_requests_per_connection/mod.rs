//! Retires HTTP/1 connections after a number of requests, under anybody's accept loop:
//! [`MaxRequestsPerConnectionLayer`].
//!
//! It is a layer over *make-services*, not over services: a service sees requests and not the
//! connections they came on, while a make-service is called once for each connection. So it goes
//! around what is handed to `axum::serve`:
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use meshpool::{InboundPool, Limits};
//! use tower::Layer;
//!
//! # async fn run() -> std::io::Result<()> {
//! let pool = InboundPool::new(Limits::new().max_requests(100).max_requests_per_connection(1000));
//! let app = Router::new()
//!     .route("/user", get(|| async { "Kevin" }))
//!     .layer(pool.layer());
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! let per_connection = pool.max_requests_per_connection_layer();
//! axum::serve(listener, per_connection.layer(app.into_make_service())).await
//! # }
//! ```
//!
//! `into_make_service_with_connect_info` works as well: the request is passed on as it is. Put
//! where a plain layer belongs, it does not compile:
//!
//! ```compile_fail,E0277
//! # use axum::{Router, routing::get};
//! # let pool = meshpool::InboundPool::new(meshpool::Limits::new());
//! let app: Router = Router::new()
//!     .route("/user", get(|| async { "Kevin" }))
//!     .layer(pool.max_requests_per_connection_layer());
//! ```
//!
//! # What it does
//!
//! On HTTP/1 it is exact: the response to the last request that a connection may carry has
//! `connection: close`, and the server closes the socket after it; requests that the client sent
//! on behind it are not served. Every request counts, those that a layer within refused, too. A
//! [live change](crate::InboundPool::update) holds for open connections: one that is past a lowered
//! limit closes after its next response. A response that turns the connection over to another
//! protocol (101, or 2xx to `CONNECT`) is left alone.
//!
//! # What it cannot do
//!
//! No header closes an HTTP/2 connection; that takes a GOAWAY frame, which only whoever drives the
//! connection can send. On HTTP/2 requests are counted here and nothing else happens: use
//! [`watch`](super::watch) around the connection, or [`serve`](super::serve()) for the accept
//! loop. With either of those this layer is not needed.
//!
//! Nor does it linger. The socket is `axum::serve`'s, which closes it as soon as the last response
//! is written. If the client has sent more by then, requests that it pipelined or a body that
//! nobody read, most systems reset the connection, and a client that has not read the last
//! response yet may lose it. [`serve`](super::serve()) and sockets wrapped by
//! [`watch`](super::watch) wait for the client to close its side first. A client that sends its
//! next request after it has read the response loses nothing with either.
//!
//! Istio: `connectionPool.http.maxRequestsPerConnection`; Envoy, on the listener's side:
//! `max_requests_per_connection` in `common_http_protocol_options`. There an HTTP/1 response
//! carries `connection: close` likewise.

mod future;
mod layer;
mod make_service;
mod service;

pub use self::future::{MakeFuture, ResponseFuture};
pub use self::layer::MaxRequestsPerConnectionLayer;
pub use self::make_service::MaxRequestsPerConnection;
pub use self::service::CountRequests;
