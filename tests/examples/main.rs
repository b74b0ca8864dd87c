//! The examples, as processes.

mod client;
mod guide;
mod process;
mod quickstart;
mod readme;
mod sidecar;
mod tls;
mod upstream;
mod user;
