//! Whether a resource makes sense: the checks of Istio's own admission, in our words, and behind
//! the strict gate the ranges of the CRD.
//!
//! What lives here looks at typed resources and reports; it changes nothing and translates
//! nothing.

mod destination_rule;
mod export;
mod host;
mod labels;
mod mesh;
mod meta;
mod outlier;
mod pool;
mod selector;
mod sidecar;
mod subset;

use self::destination_rule::destination_rule;
use self::mesh::mesh_config;
use self::meta::meta;
use self::sidecar::sidecar;
use super::gate::Gate;
use super::path::Path;
use super::problem::{Position, Report, Severity};
use super::resource::Resource;

/// Reports what is wrong with a resource.
pub(super) fn validate(resource: &Resource, gate: Gate, report: &mut Report) {
    match resource {
        Resource::DestinationRule(rule) => {
            meta(&rule.meta, report);
            destination_rule(rule, gate, report);
        }
        Resource::Sidecar(found) => {
            meta(&found.meta, report);
            sidecar(found, gate, report);
        }
        Resource::MeshConfig(mesh) => mesh_config(mesh, gate, report),
    }
}

/// Something that is not there and must be, unless it is there and was refused.
fn missing(at: Position, path: &Path<'_>, message: &str, report: &mut Report) {
    if !report.has_error_under(path) {
        report.error(at, path, format_args!("missing: {message}"));
    }
}

/// Where a block stands, which decides what becomes of its warnings.
#[derive(Clone, Copy)]
enum Level {
    /// Beside the host.
    Top,
    /// In a subset or in an entry for a port. Istio loses the warnings there.
    Inner,
}

impl Level {
    fn warning(self) -> Severity {
        match self {
            Self::Top => Severity::Warning,
            Self::Inner => Severity::Notice,
        }
    }
}
