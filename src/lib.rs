//! Connection-pool limits of a service mesh, inside the service itself.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod admission;
#[cfg(feature = "inbound")]
pub mod http;
#[cfg(feature = "inbound")]
pub mod inbound;
#[cfg(feature = "istio")]
#[cfg_attr(docsrs, doc(cfg(feature = "istio")))]
pub mod istio;
pub mod limits;

#[cfg(feature = "inbound")]
pub use inbound::InboundPool;
pub use limits::Limits;
