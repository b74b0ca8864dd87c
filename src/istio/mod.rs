//! The mesh's own rule as configuration: a `DestinationRule` file read, checked, translated to
//! [`Limits`](crate::Limits), and followed live.
//!
//! What lives here ends at `Limits`: nothing in it knows a pool, and no pool knows where its
//! limits come from.
//!
//! - [`RuleFile`] names a file and how to read it, for the requests that the process serves or
//!   [those that it sends](RuleFile::outbound), and reads it once: [`RuleFile::read`].
#![cfg_attr(
    feature = "watch",
    doc = "- [`RuleFile::watch`] follows it: see [`watch`]."
)]
//! - [`Rule`] is what was read: the limits, and notices of what has no effect here.
//! - [`Rejected`] is why a file is not applied: every [`Problem`], with file, line, column, field,
//!   the value found and what would be right.
//! - [`RuleSet`] is many rules, of files and directories, in an index: a [`Query`] for a client and a
//!   service gives the [`Settings`] that apply, selected, merged and translated as Istio does it.
//! - [`Rules`](rules::Rules) are those in force, changed live.
//! - [`Explanation`] is why it is as it is: each limit with where it is from, and what has no
//!   effect: see [`explain`].
//!
//! ```
//! use meshpool::istio::RuleFile;
//!
//! let rejected = RuleFile::new("rule.yaml")
//!     .parse(
//!         b"apiVersion: networking.istio.io/v1
//! kind: DestinationRule
//! metadata: {name: user}
//! spec:
//!   host: user
//!   trafficPolicy:
//!     connectionPool:
//!       http:
//!         http2MaxRequest: 1
//! ",
//!     )
//!     .unwrap_err();
//!
//! assert_eq!(
//!     rejected.to_string(),
//!     "rule.yaml:9:9: error: spec.trafficPolicy.connectionPool.http.http2MaxRequest: \
//!      unknown field `http2MaxRequest`, did you mean `http2MaxRequests`?"
//! );
//! ```
//!
//! # What is read
//!
//! Kubernetes objects of `networking.istio.io/v1`, `v1beta1` or `v1alpha3`, in YAML or JSON, by
//! the schema of Istio's CRD and with the checks of its admission webhook. Unknown fields, wrong
//! types (`"100"` for a number) and duplicate keys are errors, though Istio's own reader forgives
//! some of them: a mistyped limit would be no limit. [`Gate`] is the choice between the two, where
//! there is one. Scalars are what Kubernetes takes them for (`yes` is a boolean, `010` is eight),
//! durations are Go's (`1m30s`, `500ms`).
//!
//! [`Manifest`] is all that was read of a file, with what is wrong with it, and prints it back.
//!
//! As in Istio, 0 and unset are the same: unlimited.
//!
//! A [`RuleFile`] holds one rule with a pool, for whatever host. That a file has none is an error, so
//! that an emptied file does not lift limits; deleting the file does.
//!
//! # Bounds
//!
//! A file of more than 1 MiB, 64 levels, or 100 000 values (aliases counted as what they
//! stand for) is refused, whatever it contains, in bounded time and memory. A collection in
//! brackets, and so a JSON file, is read in one piece and may have 100 000 brackets, commas,
//! colons and quotes, which is some hundred kilobytes.

mod decode;
mod event;
pub mod explain;
mod file;
mod gate;
#[cfg(feature = "kube")]
#[cfg_attr(docsrs, doc(cfg(feature = "kube")))]
pub mod kube;
mod manifest;
mod path;
mod print;
mod problem;
mod resource;
mod rule_set;
pub mod rules;
mod select;
pub mod settings;
mod translate;
mod validate;
#[cfg(feature = "watch")]
#[cfg_attr(docsrs, doc(cfg(feature = "watch")))]
pub mod watch;
mod yaml;

pub use self::explain::Explanation;
pub use self::file::{Rejected, Rule, RuleFile};
pub use self::gate::{Gate, ParseGateError};
pub use self::manifest::Manifest;
pub use self::problem::{Position, Problem, Severity};
pub use self::rule_set::{Client, ObjectRef, Query, Quirk, RuleSet, RuleSetBuilder, Service};
pub use self::select::{QuirkKind, Selection};
pub use self::settings::Settings;
pub use self::translate::{OnFull, Protocol};
