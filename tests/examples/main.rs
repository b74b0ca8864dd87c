//! The examples, as processes.

mod client;
mod guide;
mod process;
mod quickstart;
mod readme;
mod tls;
mod user;
