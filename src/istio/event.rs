//! What is told through `tracing`, if that is a feature: see `telemetry::tracing`.

use std::fmt::Display;

use super::file::Rejected;
use super::problem::Problem;
use crate::limits::Limits;

/// Who is limited, what by until now and from now on, and which revision of the rules says so.
#[cfg(feature = "tracing")]
pub(super) fn limits_changed(of: &dyn Display, from: Limits, to: Limits, revision: u64) {
    tracing::info!(target: "meshpool", %of, ?from, ?to, revision, "limits changed");
}

#[cfg(not(feature = "tracing"))]
pub(super) fn limits_changed(_: &dyn Display, _: Limits, _: Limits, _: u64) {}

/// A source of rules.
#[cfg(feature = "tracing")]
pub(super) fn rules_rejected(rejected: &Rejected) {
    tracing::warn!(
        target: "meshpool",
        problems = %rejected,
        "rules rejected, what was in force stays"
    );
}

#[cfg(not(feature = "tracing"))]
pub(super) fn rules_rejected(_: &Rejected) {}

/// What is looked for is not there.
#[cfg(feature = "tracing")]
pub(super) fn rules_missing(absent: &Problem) {
    tracing::warn!(target: "meshpool", problem = %absent, "rules may be missing");
}

#[cfg(not(feature = "tracing"))]
pub(super) fn rules_missing(_: &Problem) {}

/// The one file of rules.
#[cfg(all(feature = "watch", feature = "tracing"))]
pub(super) fn file_rejected(file: &std::path::Path, rejected: &Rejected) {
    tracing::warn!(
        target: "meshpool",
        file = %file.display(),
        problems = %rejected,
        "rule file rejected, the limits in force stay"
    );
}

#[cfg(all(feature = "watch", not(feature = "tracing")))]
pub(super) fn file_rejected(_: &std::path::Path, _: &Rejected) {}
