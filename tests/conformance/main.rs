//! Drives a reverse proxy from outside, over sockets: scenarios of the shape of
//! `observations.json`, with clients on one side of it and a gated upstream on the other. The
//! proxies are the real Envoy, where `ENVOY` names its binary, and the example `sidecar`.

mod client;
mod compare;
mod differential;
#[path = "../outbound/fields.rs"]
mod fields;
mod lanes;
mod lateness;
mod load;
mod log;
#[path = "../envoy/observations.rs"]
mod observations;
mod observed;
mod player;
mod proxy;
mod recorder;
mod replay;
#[path = "../envoy/scenario/mod.rs"]
mod scenario;
mod stats;
mod table;
mod upstream;
#[path = "../outbound/verdicts.rs"]
mod verdicts;
