//! Which rule applies: hosts, `exportTo`, selectors, the order of rules, and what several rules for
//! the same host come to.
//!
//! What lives here knows names and numbers of rules, and which blocks of which rules make up a
//! host's policy; what stands in a block is not its business. It does what istiod does, to the
//! letter, in an [`Index`] that is built once and then only looked up in.

mod entry;
mod group;
mod host;
mod hosts;
mod index;
mod labels;
mod order;
mod outside;
mod policy;
mod quirk;
mod sidecar;
mod visibility;

pub(super) use self::entry::{Entry, Incoming, Named, Subset};
pub(super) use self::host::{holds_for, namespace_of, resolve};
pub(super) use self::index::{Candidates, Index, Terms};
pub(super) use self::labels::Selector;
pub(super) use self::order::Age;
pub(super) use self::policy::{Level, Place, Policy, PortEntry, Ports, RuleId};
pub(super) use self::quirk::QuirkOf;
pub use self::quirk::{QuirkKind, Selection};
pub(super) use self::sidecar::{SidecarId, Sidecars};
