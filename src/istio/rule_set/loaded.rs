//! [`Loaded`]: what one file holds.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Options;
use crate::istio::Rejected;
use crate::istio::decode::{Role, decode};
use crate::istio::gate::Gate;
use crate::istio::problem::{Problem, Report};
use crate::istio::resource::Resource;
use crate::istio::validate::validate;

/// What may stand before a text in UTF-8.
const BOM: &[u8] = "\u{feff}".as_bytes();

/// A file that was read: its resources, or why it contributes none.
#[derive(Debug)]
pub(in crate::istio) struct Loaded {
    pub(super) file: Arc<Path>,
    pub(super) resources: Vec<Arc<Resource>>,
    pub(super) problems: Vec<Problem>,
    pub(super) is_valid: bool,
    /// Whether its resources count: if it is valid, or applied all the same.
    counts: bool,
}

impl Loaded {
    /// Takes `bytes` for the content of the file. If there is none that is an error: half of an edit,
    /// more likely than a decision. (A file of comments is one.) One error in it, and none of its resources
    /// count: half of a file is nothing that anybody wrote. Behind istiod's gate what the admission
    /// refuses counts all the same, as it does in a cluster that it got into; but for the settings
    /// of a mesh, which istiod checks itself.
    pub(in crate::istio) fn parse(
        file: &Path,
        bytes: &[u8],
        role: Role,
        options: &Options,
    ) -> Self {
        let gate = options.gate;
        let mut report = Report::new(file);
        let text = bytes.strip_prefix(BOM).unwrap_or(bytes);
        if role == Role::Objects && text.trim_ascii().is_empty() {
            report.file_error("it is empty: delete it to lift what it said");
            return Self::new(file, report);
        }
        let mut resources = decode(bytes, role, gate, &mut report);
        for resource in &mut resources {
            let meta = resource.meta_mut();
            meta.meant_namespace.clone_from(&options.default_namespace);
        }
        let mut counts = !report.has_errors();
        for resource in &resources {
            let errors = report.errors();
            validate(resource, gate, &mut report);
            let is_checked = gate == Gate::Strict || matches!(resource, Resource::MeshConfig(_));
            counts &= !is_checked || report.errors() == errors;
        }
        let mut loaded = Self::new(file, report);
        loaded.counts = counts;
        if counts {
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
        match self.counts {
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
            counts: is_valid,
        }
    }
}
