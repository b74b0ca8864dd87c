//! [`Loaded`]: what one file holds.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::istio::Rejected;
use crate::istio::decode::{Role, decode};
use crate::istio::gate::Gate;
use crate::istio::problem::{Problem, Report};
use crate::istio::resource::Resource;
use crate::istio::validate::validate;

/// A file that was read: its resources, or why it contributes none.
#[derive(Debug)]
pub(in crate::istio) struct Loaded {
    pub(super) file: Arc<Path>,
    pub(super) resources: Vec<Arc<Resource>>,
    pub(super) problems: Vec<Problem>,
    pub(super) is_valid: bool,
}

impl Loaded {
    /// Takes `bytes` for the content of the file. One error in it, and none of its resources
    /// count: half of a file is nothing that anybody wrote. Behind istiod's gate what the admission
    /// refuses counts all the same, as it does in a cluster that it got into.
    pub(in crate::istio) fn parse(file: &Path, bytes: &[u8], role: Role, gate: Gate) -> Self {
        let mut report = Report::new(file);
        let resources = decode(bytes, role, gate, &mut report);
        // istiod does not check again what it finds: that is for the admission to do.
        let applies_unchecked = gate == Gate::Istiod && !report.has_errors();
        for resource in &resources {
            validate(resource, gate, &mut report);
        }
        let mut loaded = Self::new(file, report);
        if loaded.is_valid || applies_unchecked {
            loaded.resources = resources.into_iter().map(Arc::new).collect();
        }
        loaded
    }

    /// One resource of a file that is valid.
    pub(in crate::istio) fn one(file: &Path, resource: Resource) -> Self {
        Self {
            resources: vec![Arc::new(resource)],
            ..Self::new(file, Report::new(file))
        }
    }

    pub(in crate::istio) fn unreadable(file: &Path, error: &io::Error) -> Self {
        let mut report = Report::new(file);
        report.file_error(format_args!("cannot be read: {error}"));
        Self::new(file, report)
    }

    /// The same, if it contributes.
    pub(in crate::istio) fn checked(self) -> Result<Self, Rejected> {
        match self.is_valid {
            true => Ok(self),
            false => Err(Rejected::new(self.problems)),
        }
    }

    fn new(file: &Path, report: Report) -> Self {
        let is_valid = !report.has_errors();
        Self {
            file: file.into(),
            resources: Vec::new(),
            problems: report.into_problems(),
            is_valid,
        }
    }
}
