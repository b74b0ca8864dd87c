//! [`Notes`]: what is found in one object.

use std::fmt;
use std::path::Path as FilePath;

use crate::istio::path::Path;
use crate::istio::problem::{Position, Problem, Report, Severity};

/// What is worth knowing of one object though it is valid.
pub(super) struct Notes {
    idle: Report,
    lints: Report,
}

impl Notes {
    pub(super) fn new(file: &FilePath) -> Self {
        Self {
            idle: Report::new(file),
            lints: Report::new(file),
        }
    }

    /// A field without effect.
    pub(super) fn idle(&mut self, at: Position, path: &Path<'_>, why: impl fmt::Display) {
        self.idle.notice(at, path, why);
    }

    /// A field without effect that whoever wrote it counts on.
    pub(super) fn idle_unexpectedly(
        &mut self,
        at: Position,
        path: &Path<'_>,
        why: impl fmt::Display,
    ) {
        self.idle.warning(at, path, why);
    }

    /// Something that has an effect, and probably not the one that was meant.
    pub(super) fn lint(&mut self, at: Position, path: &Path<'_>, message: impl fmt::Display) {
        self.lints.warning(at, path, message);
    }

    /// The fields without effect, and the lints, each in the order of the file.
    pub(super) fn into_parts(self) -> (Vec<Problem>, Vec<Problem>) {
        (self.idle.into_problems(), self.lints.into_problems())
    }
}

/// Those that are worth a warning.
pub(super) fn warnings(problems: &[Problem]) -> impl Iterator<Item = &Problem> {
    let of_weight = |problem: &&Problem| problem.severity() != Severity::Notice;
    problems.iter().filter(of_weight)
}
