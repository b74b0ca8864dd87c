//! The inbound layers, as a service meets them: polled by hand, and over sockets.

mod support;

mod auto_traits;
mod bodies;
mod composition;
mod connection_pool;
mod deadlines;
mod draining;
mod envoy;
mod grpc;
mod lifecycle;
mod live;
mod max_pending_requests;
mod max_requests;
mod readers;
mod refusals;
mod sharing;
mod stall;
mod upgrade;
