//! The examples, as processes.

mod browser;
mod client;
mod explain;
mod explain_flags;
mod explain_mesh;
mod explain_page;
mod guide;
mod process;
mod quickstart;
mod readme;
mod sidecar;
mod tls;
mod upstream;
mod user;
