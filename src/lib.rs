//! Istio's connection-pool limits inside the service itself.
//!
//! A `DestinationRule` with a `connectionPool` makes an Istio sidecar limit the requests that a
//! service gets: so many run at once, so many wait, the rest is refused at once, and a connection
//! is closed after so many requests. This crate is that limit as Tower middleware, in the
//! process, and a client whose pool decides as the sidecar's does for what a service sends: no
//! hop, never one request over the limit, and changed live.
//!
//! # Quick start
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use meshpool::{InboundPool, Limits};
//!
//! # async fn run() -> std::io::Result<()> {
//! let pool = InboundPool::new(Limits::new().max_requests(100).max_pending_requests(20));
//! let app = Router::new()
//!     .route("/user", get(|| async { "Kevin" }))
//!     .layer(pool.layer());
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! axum::serve(listener, app).await
//! # }
//! ```
//!
//! At most 100 requests are active, each until its response *body* has ended; 20 more wait in
//! order; the next gets a 503 that says which limit it met.
//!
//! # Where to look
//!
//! - [`Limits`] is what is enforced, as plain data.
#![cfg_attr(
    feature = "inbound",
    doc = "- [`InboundPool`] is made once, and makes the layers in [`inbound`] that share its limits.",
    doc = "- [`http`] is how a refusal looks, and the body that carries a permit to its end."
)]
#![cfg_attr(
    feature = "outbound",
    doc = "- [`outbound::Client`] sends requests, to each destination within its limits."
)]
//! - [`admission`] is the limiter itself, for those who limit something other than HTTP.
#![cfg_attr(
    feature = "istio",
    doc = "- [`istio`] reads a `DestinationRule` file, and follows it live."
)]
#![cfg_attr(
    any(feature = "metrics", feature = "tracing"),
    doc = "- [`telemetry`] tells the outside what pools count and decide."
)]
//!
//! # Features
//!
//! | feature | brings |
//! |---|---|
//! | `inbound` (default) | the layers for a service |
//! | `server` | limits on each connection, and an accept loop that keeps them |
//! | `outbound` | a client with a bounded pool for each destination, and retries within limits |
//! | `istio` | a `DestinationRule` as configuration |
//! | `watch` | rule files and directories followed live |
//! | `kube` | rules from the Kubernetes API, followed live |
//! | `metrics` | export through the `metrics` facade |
//! | `tracing` | events through `tracing` |
//! | `serde` | `Serialize` and `Deserialize` for the plain data |
//! | `full` | all of these but `kube` |
//!
//! The layers alone (`default-features = false, features = ["inbound"]`) are at most 12 crates.
//! Rust 1.85 is promised for `inbound`, `server`, `outbound`, `istio` and `serde`; the others need
//! what their dependencies need.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod admission;
#[cfg(feature = "inbound")]
#[cfg_attr(docsrs, doc(cfg(feature = "inbound")))]
pub mod http;
#[cfg(feature = "inbound")]
#[cfg_attr(docsrs, doc(cfg(feature = "inbound")))]
pub mod inbound;
#[cfg(feature = "istio")]
#[cfg_attr(docsrs, doc(cfg(feature = "istio")))]
pub mod istio;
pub mod limits;
#[cfg(feature = "outbound")]
#[cfg_attr(docsrs, doc(cfg(feature = "outbound")))]
pub mod outbound;
#[cfg(any(feature = "metrics", feature = "tracing"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "metrics", feature = "tracing"))))]
pub mod telemetry;

#[cfg(feature = "inbound")]
pub use inbound::InboundPool;
pub use limits::Limits;

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
