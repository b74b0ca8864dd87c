//! [`Loaded`]: what one file holds.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::istio::Rejected;
use crate::istio::decode::decode;
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
    /// count: half of a file is nothing that anybody wrote.
    pub(in crate::istio) fn parse(file: &Path, bytes: &[u8]) -> Self {
        let mut report = Report::new(file);
        let resources = decode(bytes, &mut report);
        for resource in &resources {
            validate(resource, &mut report);
        }
        Self::new(file, resources, report)
    }

    pub(in crate::istio) fn unreadable(file: &Path, error: &io::Error) -> Self {
        let mut report = Report::new(file);
        report.file_error(format_args!("cannot be read: {error}"));
        Self::new(file, Vec::new(), report)
    }

    /// The same, if it contributes.
    pub(in crate::istio) fn checked(self) -> Result<Self, Rejected> {
        match self.is_valid {
            true => Ok(self),
            false => Err(Rejected::new(self.problems)),
        }
    }

    fn new(file: &Path, resources: Vec<Resource>, report: Report) -> Self {
        let is_valid = !report.has_errors();
        let counting = resources.into_iter().filter(|_| is_valid);
        Self {
            file: file.into(),
            resources: counting.map(Arc::new).collect(),
            problems: report.into_problems(),
            is_valid,
        }
    }
}
