//! Connection-pool limits of a service mesh, inside the service itself.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod admission;
pub mod limits;

pub use limits::Limits;
