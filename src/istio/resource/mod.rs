//! Typed resources: what a document says, each value with its place, nothing interpreted.
//!
//! Names are those of the Istio API in Rust's spelling. A field is `None` where it is absent (or
//! null, which is the same). Blocks of which nothing applies to a pool are kept as they are.
//!
//! Two resources are equal if they say the same, wherever it stands in a file.

mod destination_rule;
mod duration;
mod mesh;
mod meta;
mod opaque;
mod outlier;
mod pool;
mod sidecar;
mod spanned;
mod timestamp;

pub(crate) use self::destination_rule::{
    DestinationRule, PortPolicy, RetryBudget, Spec, Subset, TrafficPolicy, WorkloadSelector,
};
pub use self::duration::GoDuration;
pub(crate) use self::mesh::{DefaultTrafficPolicy, MeshConfig, MeshForm, MeshSettings};
pub(crate) use self::meta::{DEFAULT_NAMESPACE, MADE_OF, Meta};
pub(crate) use self::opaque::{Opaque, Tree};
pub(crate) use self::outlier::OutlierDetection;
pub(crate) use self::pool::{
    ConnectionPool, H2UpgradePolicy, Http, Http2KeepAlive, Tcp, TcpKeepalive,
};
pub(crate) use self::sidecar::{CaptureMode, Listener, ListenerPort, Sidecar, SidecarSpec};
pub(crate) use self::spanned::{Labels, Spanned};
pub(crate) use self::timestamp::Timestamp;

/// What a document may hold that bears on pools.
#[derive(Debug, PartialEq)]
pub(crate) enum Resource {
    DestinationRule(Box<DestinationRule>),
    Sidecar(Box<Sidecar>),
    MeshConfig(Box<MeshConfig>),
}

impl Resource {
    pub(crate) fn meta(&self) -> &Meta {
        match self {
            Self::DestinationRule(rule) => &rule.meta,
            Self::Sidecar(sidecar) => &sidecar.meta,
            Self::MeshConfig(mesh) => &mesh.meta,
        }
    }

    pub(crate) fn meta_mut(&mut self) -> &mut Meta {
        match self {
            Self::DestinationRule(rule) => &mut rule.meta,
            Self::Sidecar(sidecar) => &mut sidecar.meta,
            Self::MeshConfig(mesh) => &mut mesh.meta,
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::DestinationRule(_) => "DestinationRule",
            Self::Sidecar(_) => "Sidecar",
            Self::MeshConfig(_) => "MeshConfig",
        }
    }
}
