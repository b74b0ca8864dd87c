//! Connection-pool limits of a service mesh, inside the service itself.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "istio")]
#[cfg_attr(docsrs, doc(cfg(feature = "istio")))]
pub mod istio;
pub mod limits;

pub use limits::Limits;
