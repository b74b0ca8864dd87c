//! `Sidecar`: the limits of what a workload serves.

use super::{ConnectionPool, Meta, Opaque, Spanned, WorkloadSelector};

#[derive(Debug, PartialEq)]
pub(crate) struct Sidecar {
    pub(crate) meta: Meta,
    pub(crate) spec: Option<Spanned<SidecarSpec>>,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct SidecarSpec {
    pub(crate) workload_selector: Option<Spanned<WorkloadSelector>>,
    pub(crate) ingress: Option<Spanned<Vec<Spanned<Listener>>>>,
    pub(crate) inbound_connection_pool: Option<Spanned<ConnectionPool>>,
    pub(crate) egress: Option<Spanned<Vec<Opaque>>>,
    pub(crate) outbound_traffic_policy: Option<Opaque>,
}

/// An entry of `ingress`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Listener {
    pub(crate) port: Option<Spanned<ListenerPort>>,
    pub(crate) connection_pool: Option<Spanned<ConnectionPool>>,
    pub(crate) bind: Option<Spanned<String>>,
    pub(crate) capture_mode: Option<Spanned<CaptureMode>>,
    pub(crate) default_endpoint: Option<Spanned<String>>,
    pub(crate) tls: Option<Opaque>,
}

impl Listener {
    /// The port that it is for. An absent number is 0, as in Istio.
    pub(crate) fn number(&self) -> u32 {
        let number = self.port.as_ref().and_then(|port| port.number);
        number.map_or(0, |number| number.value)
    }
}

/// How traffic gets to a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CaptureMode {
    Default,
    Iptables,
    None,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct ListenerPort {
    pub(crate) number: Option<Spanned<u32>>,
    pub(crate) protocol: Option<Spanned<String>>,
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) target_port: Option<Spanned<u32>>,
}
