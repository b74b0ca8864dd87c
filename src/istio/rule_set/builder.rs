//! [`RuleSetBuilder`]: from files to a set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{Reader, files_of};
use super::loaded::Loaded;
use super::{Options, RuleSet};
use crate::istio::decode::Role;
use crate::istio::{Gate, Selection};

/// Makes a [`RuleSet`] of files, directories and documents. See [`RuleSet::builder`].
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it builds"]
pub struct RuleSetBuilder {
    pub(super) options: Options,
    inputs: Vec<Input>,
}

#[derive(Clone, Debug)]
enum Input {
    Path(PathBuf),
    Mesh(PathBuf),
    Document(PathBuf, Vec<u8>),
}

impl RuleSetBuilder {
    /// Sets how strictly files are read. Default: [`Gate::Strict`].
    pub fn gate(mut self, gate: Gate) -> Self {
        self.options.gate = gate;
        self
    }

    /// Sets how rules are selected where Istio's way looks like a mistake. Default:
    /// [`Selection::Istio`].
    pub fn selection(mut self, selection: Selection) -> Self {
        self.options.selection = selection;
        self
    }

    /// Sets the domain of the cluster, under which short names stand. Default: `cluster.local`.
    pub fn cluster_domain(mut self, domain: impl Into<String>) -> Self {
        self.options.cluster_domain = domain.into();
        self
    }

    /// Sets the namespace of objects that name none, as `kubectl -n` does. Default: `default`.
    pub fn default_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.options.default_namespace = Some(namespace.into().into());
        self
    }

    /// Adds a file, or a directory: of that the files that end in `.yaml`, `.yml` or `.json`, in
    /// the order of their names, without directories in it and hidden files. Nothing is read yet. A
    /// file that is named twice, by itself and by its directory, say, is read once.
    ///
    /// A file holds any number of documents, each a `DestinationRule`, a `Sidecar`, the
    /// `MeshConfig` or the ConfigMap with it; objects of other kinds are skipped. One with nothing at
    /// all in it is an error, as in [`Rules`](crate::istio::rules::Rules): more likely half of an edit
    /// than a decision.
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.inputs.push(Input::Path(path.into()));
        self
    }

    /// Adds the file of the mesh's settings: a `MeshConfig` as [`path`](Self::path) takes it, its
    /// settings alone, as `meshConfig` has them in an installation, or a ConfigMap of whatever name
    /// that has them under `mesh`. A file with none of these is an error. Nothing is read yet.
    pub fn mesh(mut self, path: impl Into<PathBuf>) -> Self {
        self.inputs.push(Input::Mesh(path.into()));
        self
    }

    /// Adds the content of a file; the name is for problems and sources.
    pub fn document(mut self, name: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        self.inputs
            .push(Input::Document(name.into(), content.into()));
        self
    }

    /// Reads everything, and makes the set. It blocks for as long as the file system does. Files may
    /// have 64 MiB together; what is over that is an error.
    ///
    /// There always is a set: a file with an error contributes nothing to it, and
    /// [`RuleSet::problems`] has the error. Only behind [`Gate::Istiod`] does a file count that can
    /// be read and that Istio's admission would refuse, as istiod applies whatever it finds; but for
    /// the settings of a mesh, which it checks itself.
    pub fn build(self) -> RuleSet {
        let mut loaded = Vec::new();
        let mut reader = Reader::new();
        for input in &self.inputs {
            match input {
                Input::Path(path) => self.load(path, &mut reader, &mut loaded),
                Input::Mesh(path) => loaded.push(Arc::new(match reader.read(path) {
                    Ok(content) => Loaded::parse(path, &content, Role::Mesh, &self.options),
                    Err(error) => Loaded::unreadable(path, &error),
                })),
                Input::Document(name, content) => loaded.push(self.parse(name, content)),
            }
        }
        RuleSet::assemble(loaded, &self.options, None)
    }

    /// Reads the files that a path names, but for those that were named before.
    fn load(&self, path: &Path, reader: &mut Reader, loaded: &mut Vec<Arc<Loaded>>) {
        let files = match files_of(path) {
            Ok(files) => files,
            Err(error) => {
                loaded.push(Arc::new(Loaded::unreadable(path, &error)));
                return;
            }
        };
        for file in &files {
            if !reader.is_new(file) {
                continue;
            }
            loaded.push(match reader.read(file) {
                Ok(content) => self.parse(file, &content),
                Err(error) => Arc::new(Loaded::unreadable(file, &error)),
            });
        }
    }

    fn parse(&self, file: &Path, content: &[u8]) -> Arc<Loaded> {
        Arc::new(Loaded::parse(file, content, Role::Objects, &self.options))
    }
}
