//! Limits on connections, over real sockets and with clients that are not ours.

mod max_requests_per_connection;
mod support;
