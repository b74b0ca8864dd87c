//! The inbound layers, as a service meets them: polled by hand, and over sockets.

mod support;

mod bodies;
mod composition;
mod connection_pool;
mod deadlines;
mod draining;
mod lifecycle;
mod live;
mod max_pending_requests;
mod max_requests;
mod refusals;
mod stall;
