//! A file's resources as they were read: [`Manifest`].

use std::fmt;
use std::path::Path;

use super::decode::{Role, decode};
use super::gate::Gate;
use super::problem::{Problem, Report, Severity};
use super::resource::Resource;
use super::validate::validate;

/// The resources of a file: what was read of it, and what is wrong with it.
///
/// `DestinationRule`s, `Sidecar`s and the mesh's `MeshConfig` are read, the last as an object of
/// this kind or as the text `mesh` in the `ConfigMap` `istio`. Objects of other kinds are skipped.
/// Every document is checked, whether it applies to anything or not; all problems are found in
/// one pass.
///
/// Printed, a manifest is YAML again, in one form whatever form was read. Reading that gives an
/// equal manifest: manifests are equal if their resources are, wherever they stand in the text.
/// What is kept is what Istio reads of an object, its name, namespace, annotations and time of
/// creation.
///
/// ```
/// use meshpool::istio::{Gate, Manifest};
///
/// let text = b"
/// apiVersion: networking.istio.io/v1
/// kind: DestinationRule
/// metadata: {name: user}
/// spec:
///   host: user
///   traffic_policy:
///     connection_pool:
///       http: {http2MaxRequests: '8'}
/// ";
/// assert!(!Manifest::parse("rule.yaml", text, Gate::Strict).is_valid());
///
/// let manifest = Manifest::parse("rule.yaml", text, Gate::Istiod);
/// assert!(manifest.is_valid());
/// let printed = manifest.to_string();
/// assert!(printed.contains("http2MaxRequests: 8\n"));
/// assert_eq!(Manifest::parse("printed.yaml", printed, Gate::Strict), manifest);
/// ```
#[derive(Debug)]
pub struct Manifest {
    resources: Vec<Resource>,
    problems: Vec<Problem>,
}

impl Manifest {
    /// Reads a text, YAML or JSON in UTF-8. `name` names the file in problems.
    ///
    /// Whatever the text is, the work and the memory are bounded, as for a
    /// [`RuleFile`](super::RuleFile).
    pub fn parse(name: impl AsRef<Path>, text: impl AsRef<[u8]>, gate: Gate) -> Self {
        let mut report = Report::new(name.as_ref());
        let resources = decode(text.as_ref(), Role::Objects, gate, &mut report);
        for resource in &resources {
            validate(resource, gate, &mut report);
        }
        Self {
            resources,
            problems: report.into_problems(),
        }
    }

    /// Whether nothing in it is an error.
    pub fn is_valid(&self) -> bool {
        let is_error = |problem: &Problem| problem.severity() == Severity::Error;
        !self.problems.iter().any(is_error)
    }

    /// All that was found, in the order of the text.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many resources were read.
    pub fn len(&self) -> usize {
        self.resources.len()
    }

    /// Whether there is no resource in it.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }
}

/// Equal if the resources are; problems are of a text.
impl PartialEq for Manifest {
    fn eq(&self, other: &Self) -> bool {
        self.resources == other.resources
    }
}

/// As YAML, a document for each resource.
impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, resource) in self.resources.iter().enumerate() {
            if index > 0 {
                f.write_str("---\n")?;
            }
            resource.fmt(f)?;
        }
        Ok(())
    }
}
