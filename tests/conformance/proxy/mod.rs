//! The proxies that can be driven.

mod envoy;
mod off_by_one;
mod process;
mod sidecar;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::scenario::{Scenario, Settings};
use crate::stats::Stats;

pub(crate) use self::envoy::Envoy;
pub(crate) use self::off_by_one::OffByOne;
pub(crate) use self::sidecar::Sidecar;

/// A reverse proxy in front of one upstream, and what the harness needs of it.
pub(crate) trait Proxy: Sized {
    /// What it is called where two are compared.
    const NAME: &str;

    /// Starts one for this scenario: its settings, protocol, route, TLS or not.
    async fn start(scenario: &Scenario, upstream: SocketAddr) -> Self;

    /// Where clients connect.
    fn address(&self) -> SocketAddr;

    async fn stats(&self) -> Stats;

    /// Whether none of its threads has anything to do: one that waits for a processor has.
    fn sleeps(&self) -> bool;

    /// A page of its admin.
    async fn admin(&self, path: &str) -> String;

    /// Other settings, as the control plane brings them; returns when they are in force. `None`:
    /// there are none any more.
    async fn set(&mut self, settings: Option<&Settings>);

    /// Changes limits in place; returns when they are in force.
    async fn runtime(&mut self, keys: &BTreeMap<String, u32>);

    /// The lines of its access log so far: method, path, status, and Envoy's response flags or `-`.
    fn access_log(&self) -> Vec<String>;

    async fn stop(self);
}
