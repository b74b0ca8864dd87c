//! Limits on connections, over real sockets and with clients that are not ours.

mod auto_traits;
mod frames;
mod grpc;
mod http2;
mod jitter;
mod max_requests_per_connection;
mod memory;
mod programs;
mod serve;
mod sharing;
mod support;
mod timers;
mod transfers;
mod tunnels;
mod watch;
