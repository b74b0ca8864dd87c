//! Text to positioned nodes.
//!
//! What lives here knows YAML and how Kubernetes reads its scalars, and nothing of rules: no
//! field is named here, and what a node means is decided elsewhere. Everything is bounded before
//! it is built: see [`budget`].

mod budget;
mod build;
mod error;
mod load;
mod merge;
mod node;
mod place;
mod scalar;

pub(crate) use self::budget::{Budget, MAX_BYTES};
pub(crate) use self::load::Documents;
pub(crate) use self::node::{Document, Entry, Kind, NodeId, Scalar};
pub(crate) use self::place::Place;
pub(crate) use self::scalar::is_string;
