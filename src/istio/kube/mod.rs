//! Rules from the Kubernetes API, followed live: [`Kubernetes`].
//!
//! What lives here lists and watches `DestinationRule`s, `Sidecar`s and the mesh's ConfigMap, and
//! hands them to [`Rules`] as documents; what they say is decided there. It is the only part that
//! knows the crate `kube`, which no signature shows.
//!
//! ```no_run
//! use meshpool::istio::kube::Kubernetes;
//! use meshpool::istio::rules::Rules;
//!
//! # async fn follow() -> Result<(), meshpool::istio::kube::KubeError> {
//! let rules = Rules::new();
//! let mut watch = Kubernetes::new().namespace("demo").follow(&rules).await?;
//! // Until then nothing is limited.
//! watch.settled().await;
//! for status in watch.status().all() {
//!     if let Some(error) = status.error {
//!         eprintln!("{}: {error}", status.kind);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it does
//!
//! - Each kind is listed in each namespace and then watched; a change is in force as soon as the
//!   API server tells of it.
//! - Each object is a source of [`Rules`] of its own, `kube:DestinationRule/NAMESPACE/NAME`: one
//!   that cannot be read keeps what it said when it could, and is reported. One that Istio's
//!   admission would refuse, and that got past it, is in force as it is in istiod, and reported.
//!   What is told of an object names the field, for it has no lines.
//! - While the API server is away, refuses (403, say), or answers nonsense, all that was in force
//!   stays, and [`WatchStatus::error`] and [`Rules::problems`] say why. It is asked again after
//!   about a second, then less and less often, until half a minute to a minute lies between; and
//!   soon again once nothing has failed for two minutes. That a list succeeds does not count
//!   where the watch after it fails.
//! - After each failure everything is listed again, and put in force as one change: objects that
//!   vanished meanwhile are removed, and nothing else is touched.
//! - It is the runtime's reflector, with kube's back-off. Its store holds an object without what
//!   only Kubernetes needs.
//! - Objects are read as istiod reads them: see [`Kubernetes::gate`].
//! - Of Istio's API versions the first of `v1`, `v1beta1` and `v1alpha3` that is served is used.
//!
//! # What it needs
//!
//! A service account (or a user) that may `list` and `watch`; `examples/kubernetes/` has the roles.
//! Without a sidecar in between: a proxy that is to be replaced should not be needed to say so.
//!
//! Rust 1.89, as `kube` does, and one feature of `k8s-openapi` that says for which version of
//! Kubernetes the program is built: its own `Cargo.toml` has, say,
//! `k8s-openapi = { version = "0.29", features = ["latest"] }`.
//!
//! # Bounds
//!
//! At most 20 requests a second, 20 000 objects of a kind in a namespace, and 256 MiB in a
//! response. An object of more than 1 MiB is refused.

mod client;
mod error;
mod failure;
mod follow;
mod mesh;
mod resource;
mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;

use tokio::sync::watch;
use tokio::task::JoinSet;

pub use self::error::KubeError;
pub use self::status::WatchStatus;

use self::follow::Follower;
use self::mesh::MeshNotes;
use self::resource::{Kind, Resource};
use super::gate::Gate;
use super::rules::Rules;

/// What is followed in the Kubernetes API, and how it is reached.
#[derive(Clone, Debug)]
pub struct Kubernetes {
    kubeconfig: Option<PathBuf>,
    namespaces: BTreeSet<String>,
    root_namespace: String,
    mesh_config: Option<String>,
    mesh_config_namespace: String,
    sidecars: bool,
    gate: Gate,
}

impl Default for Kubernetes {
    fn default() -> Self {
        Self::new()
    }
}

impl Kubernetes {
    /// All namespaces, by the configuration that the environment has: the file that `KUBECONFIG`
    /// names, `~/.kube/config`, or the pod's service account, whichever is there first.
    pub fn new() -> Self {
        Self {
            kubeconfig: None,
            namespaces: BTreeSet::new(),
            root_namespace: "istio-system".to_owned(),
            mesh_config: Some("istio".to_owned()),
            mesh_config_namespace: "istio-system".to_owned(),
            sidecars: true,
            gate: Gate::Istiod,
        }
    }

    /// Takes the current context of this kubeconfig file, whatever the environment says.
    #[must_use]
    pub fn kubeconfig(mut self, path: impl Into<PathBuf>) -> Self {
        self.kubeconfig = Some(path.into());
        self
    }

    /// Follows this namespace, the others that are named so, and the root namespace, instead of
    /// all. Istio looks for rules in the client's namespace, the service's, and the root
    /// namespace, so name the first two; a role in each is enough then.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespaces.insert(namespace.into());
        self
    }

    /// Sets the namespace that is followed as the mesh's root namespace. Default: `istio-system`.
    ///
    /// Which one is the root the mesh's settings say, `rootNamespace`, not this. If theirs is not
    /// followed, [`Rules::problems`] has a warning.
    #[must_use]
    pub fn root_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.root_namespace = namespace.into();
        self
    }

    /// Sets the name of the ConfigMap that holds the mesh's configuration, in its key `mesh`,
    /// whatever the name; `None` follows none. Default: `istio`, which is that of the default
    /// revision; another has `istio-REVISION`. While there is none, [`Rules::problems`] has a
    /// warning, and Istio's defaults hold.
    #[must_use]
    pub fn mesh_config(mut self, name: impl Into<Option<String>>) -> Self {
        self.mesh_config = name.into();
        self
    }

    /// Sets the namespace of that ConfigMap: istiod's own, whatever the root namespace is. Default:
    /// `istio-system`.
    #[must_use]
    pub fn mesh_config_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.mesh_config_namespace = namespace.into();
        self
    }

    /// Whether `Sidecar`s are followed, which only a service's own limits depend on. Default: yes.
    #[must_use]
    pub fn sidecars(mut self, follow: bool) -> Self {
        self.sidecars = follow;
        self
    }

    /// Sets how strictly the objects are read, whatever the [`Rules`] say for other sources.
    /// Default: [`Gate::Istiod`].
    ///
    /// What is in the API server has passed the schema of the CRD that is installed there, which
    /// has pruned or refused what it does not know. A field that it knows and this crate does not
    /// is then one of a newer Istio: ignored with a warning, as an older istiod does, rather than
    /// the end of the limits that stand beside it.
    #[must_use]
    pub fn gate(mut self, gate: Gate) -> Self {
        self.gate = gate;
        self
    }

    /// Follows from now on, in tasks of the present Tokio runtime, until the handle is dropped.
    ///
    /// # Errors
    ///
    /// If there is no usable configuration. Whether the API server can be reached is seen later:
    /// [`KubeWatch::status`].
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub async fn follow(self, rules: &Rules) -> Result<KubeWatch, KubeError> {
        let client = client::client(self.kubeconfig.as_deref()).await?;
        let mut tasks = JoinSet::new();
        let mut status = Vec::new();
        for resource in self.resources() {
            let (sender, receiver) = watch::channel(WatchStatus::new(&resource));
            status.push(receiver);
            let mut follower = Follower::new(rules.clone(), resource.clone(), self.gate, sender);
            if matches!(resource.kind, Kind::MeshConfig(_)) {
                follower = follower.with_notes(MeshNotes::new(self.followed()));
            }
            tasks.spawn(follower.follow(client.clone()));
        }
        Ok(KubeWatch {
            status: KubeStatus(status),
            _tasks: tasks,
        })
    }

    /// The namespaces that are followed; all, if there is none.
    fn followed(&self) -> BTreeSet<String> {
        let mut namespaces = self.namespaces.clone();
        if !namespaces.is_empty() {
            namespaces.insert(self.root_namespace.clone());
        }
        namespaces
    }

    fn resources(&self) -> Vec<Resource> {
        let mut namespaces: Vec<_> = self.followed().into_iter().map(Some).collect();
        if namespaces.is_empty() {
            namespaces.push(None);
        }
        let mut resources = Vec::new();
        for namespace in namespaces {
            for kind in [Kind::DestinationRule, Kind::Sidecar] {
                if kind != Kind::Sidecar || self.sidecars {
                    let namespace = namespace.clone();
                    resources.push(Resource { kind, namespace });
                }
            }
        }
        resources.extend(self.mesh_config.clone().map(|name| Resource {
            kind: Kind::MeshConfig(name),
            namespace: Some(self.mesh_config_namespace.clone()),
        }));
        resources
    }
}

/// The Kubernetes API, followed. Made by [`Kubernetes::follow`]; dropping it ends the following,
/// and leaves in force what is.
#[derive(Debug)]
pub struct KubeWatch {
    status: KubeStatus,
    _tasks: JoinSet<()>,
}

impl KubeWatch {
    /// Waits until it is known of all that is followed what there is, and that is in force, or why
    /// that cannot be known yet.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn settled(&mut self) {
        for status in &mut self.status.0 {
            // Its end would be the runtime's.
            let _ = status.wait_for(WatchStatus::is_settled).await;
        }
    }

    /// A handle that tells how it stands and may be shared, with an admin page, say.
    pub fn status(&self) -> KubeStatus {
        self.status.clone()
    }
}

/// A shared view of what is followed. It stays readable after its [`KubeWatch`] is dropped, and
/// then no longer changes.
#[derive(Clone, Debug)]
pub struct KubeStatus(Vec<watch::Receiver<WatchStatus>>);

impl KubeStatus {
    /// How it stands with each kind in each namespace.
    pub fn all(&self) -> Vec<WatchStatus> {
        self.0
            .iter()
            .map(|status| status.borrow().clone())
            .collect()
    }

    /// Whether all that was listed is still watched: nothing has failed since.
    pub fn is_synced(&self) -> bool {
        self.0.iter().all(|status| {
            let status = status.borrow();
            status.lists > 0 && status.error.is_none()
        })
    }
}
