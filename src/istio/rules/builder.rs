//! [`RulesBuilder`]: how rules are read and selected.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use super::sources::Sources;
use super::{Rules, Shared, Snapshot};
use crate::istio::rule_set::Options;
use crate::istio::{Gate, Selection};
use crate::limits::Subscribers;

/// Makes [`Rules`] that are not the default. See [`Rules::builder`].
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it builds"]
pub struct RulesBuilder {
    options: Options,
}

impl RulesBuilder {
    /// Sets how strictly sources are read. Default: [`Gate::Strict`]. Behind [`Gate::Istiod`] a source
    /// is in force though Istio's admission would refuse it, with its errors in
    /// [`Rules::problems`]: istiod applies what it finds. Only settings of a mesh it checks itself.
    /// What is followed in Kubernetes has a gate of its own.
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

    /// Rules from no source yet.
    pub fn build(self) -> Rules {
        let nothing = Snapshot::new(0, Sources::default(), &self.options, None);
        Rules(Arc::new(Shared {
            options: self.options,
            current: ArcSwap::from_pointee(nothing),
            changing: Mutex::new(()),
            subscribers: Subscribers::default(),
            told: AtomicU64::new(0),
            limit_changes: AtomicU64::new(0),
        }))
    }
}
