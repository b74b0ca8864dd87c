//! The outbound client over loopback sockets, against upstreams that answer when they are told.

mod auto_traits;
mod cancel;
mod chosen;
mod connectors;
mod connects;
mod destinations;
mod errors;
mod exact;
mod failures;
mod goaway;
mod http2;
mod limits;
mod link;
mod live;
mod panics;
mod protocols;
mod resets;
mod retry;
mod runtimes;
mod support;
mod timeouts;
mod unsent;
mod uploads;
mod upstream;
