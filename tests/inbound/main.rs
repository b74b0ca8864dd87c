//! The inbound layers, as a service meets them.

mod connection_pool;
