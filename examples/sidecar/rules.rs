//! The rules in force: one file for whatever host, or all rules of a mesh, from files or from
//! Kubernetes.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use clap::Args;
use meshpool::Limits;
use meshpool::istio::explain::Row;
use meshpool::istio::kube::Kubernetes;
use meshpool::istio::rules::{OutboundRules, Rules as MeshRules};
use meshpool::istio::settings::{GoDuration, Source, Value};
use meshpool::istio::watch::{Change, RuleStatus, RuleWatch};
use meshpool::istio::{Client, Explanation, OnFull, Query, RuleFile, RuleSet, Service};
use meshpool::limits::{Destination, LimitsSource, LiveLimits, Subscriber};

use crate::config_map::{ConfigMap, config_map};
use crate::domain::domain;
use crate::feeds::Feeds;
use crate::label::label;
use crate::report::report;

/// What Istio gives Envoy where a rule says nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What Envoy has where nobody says anything.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

#[derive(Clone, Debug, Args)]
pub(crate) struct RuleFlags {
    /// A file with a DestinationRule, followed live; without one nothing is limited
    #[arg(long, conflicts_with_all = ["rules", "kube"])]
    rule: Option<PathBuf>,
    /// Files and directories with a mesh's rules, followed live; the one for the upstream's host
    /// and port is obeyed
    #[arg(long, num_args = 1.., value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// Follow the rules in the Kubernetes API, of all namespaces
    #[arg(long)]
    kube: bool,
    /// The ConfigMap with the mesh's settings, for --kube
    #[arg(long, value_name = "NAMESPACE/NAME", default_value = "istio-system/istio", value_parser = config_map)]
    mesh_config: ConfigMap,
    /// The subset of the upstream that is called
    #[arg(long)]
    subset: Option<String>,
    /// The domain of the cluster, under which short names of services stand
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local", value_parser = domain)]
    cluster_domain: String,
    /// The namespace of the objects in files that name none, as of `kubectl -n`
    #[arg(long, value_name = "NAMESPACE", default_value = "default")]
    default_namespace: String,
    /// The namespace of the upstream's service, for a host outside the cluster: that of its
    /// ServiceEntry; the only one with a rule for it unless set
    #[arg(long)]
    namespace: Option<String>,
    /// The namespace of those who call, for --rules and --kube
    #[arg(long, default_value = "default")]
    client_namespace: String,
    /// A label of those who call: KEY=VALUE
    #[arg(long, value_name = "LABEL", value_parser = label)]
    client_label: Vec<(String, String)>,
}

/// The limits in force, and how often they changed.
pub(crate) enum Rules {
    File(FileRule),
    Mesh(Mesh),
}

/// One file, for whatever upstream. Clones are the same.
#[derive(Clone)]
pub(crate) struct FileRule {
    limits: LiveLimits,
    counts: Arc<Counts>,
    /// The followed file, if there is one.
    status: Option<RuleStatus>,
}

#[derive(Default)]
struct Counts {
    updates: AtomicU64,
    rejects: AtomicU64,
}

/// All rules of a mesh.
pub(crate) struct Mesh {
    rules: MeshRules,
    outbound: OutboundRules,
    _feeds: Feeds,
}

impl Rules {
    /// Follows what the flags name, from the time when its present state is in force.
    pub(crate) async fn follow(flags: RuleFlags) -> io::Result<Arc<Self>> {
        Ok(Arc::new(match flags.rules.is_empty() && !flags.kube {
            true => Self::File(FileRule::follow(flags.rule).await?),
            false => Self::Mesh(Mesh::follow(flags).await?),
        }))
    }

    /// How often changed rules came into force, or went out of it.
    pub(crate) fn updates(&self) -> u64 {
        match self {
            Self::File(file) => file.counts.updates.load(Ordering::Acquire),
            Self::Mesh(mesh) => mesh.rules.stats().revision,
        }
    }

    /// How often something changed was refused.
    pub(crate) fn rejects(&self) -> u64 {
        match self {
            Self::File(file) => file.counts.rejects.load(Ordering::Acquire),
            Self::Mesh(mesh) => mesh.rules.stats().rejects,
        }
    }

    /// How often the limits became others by them.
    pub(crate) fn limit_changes(&self) -> u64 {
        match self {
            Self::File(file) => {
                let stats = file.status.as_ref().map(RuleStatus::stats);
                stats.unwrap_or_default().limit_changes
            }
            Self::Mesh(mesh) => mesh.rules.stats().limit_changes,
        }
    }

    /// What is in force for a destination, and why.
    pub(crate) fn explanation(&self, destination: &Destination) -> Explanation {
        let mut explanation = self.said(destination);
        for row in explanation.limits.iter_mut().filter(|row| is_unsaid(row)) {
            let otherwise = match row.field {
                "connect_timeout" => CONNECT_TIMEOUT,
                "idle_timeout" => IDLE_TIMEOUT,
                _ => continue,
            };
            let nanos = i64::try_from(otherwise.as_nanos()).unwrap_or(i64::MAX);
            row.value = Value::Duration(GoDuration::from_nanos(nanos));
        }
        explanation
    }

    /// What the rules alone say.
    fn said(&self, destination: &Destination) -> Explanation {
        match self {
            Self::File(file) => file.explanation(),
            Self::Mesh(mesh) => mesh.outbound.explanation(destination),
        }
    }

    /// The limits of the rules, without those that hold where they say nothing.
    pub(crate) fn source(&self) -> &dyn LimitsSource {
        match self {
            Self::File(file) => &file.limits,
            Self::Mesh(mesh) => &mesh.outbound,
        }
    }
}

impl LimitsSource for Rules {
    fn limits(&self, destination: &Destination) -> Limits {
        let mut limits = self.source().limits(destination);
        let said = self.said(destination);
        for row in said.limits.iter().filter(|row| is_unsaid(row)) {
            match row.field {
                "connect_timeout" => limits.connect_timeout = Some(CONNECT_TIMEOUT),
                "idle_timeout" => limits.idle_timeout = Some(IDLE_TIMEOUT),
                _ => {}
            }
        }
        limits
    }

    fn revision(&self) -> u64 {
        self.source().revision()
    }

    fn subscribe(&self, subscriber: Weak<Subscriber>) {
        self.source().subscribe(subscriber);
    }
}

/// A rule that says 0 turns a timeout off, which is not to say nothing.
fn is_unsaid(row: &Row) -> bool {
    row.value == Value::Null && row.source == Source::Default.to_string()
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("updates", &self.updates())
            .field("rejects", &self.rejects())
            .finish_non_exhaustive()
    }
}

impl FileRule {
    async fn follow(path: Option<PathBuf>) -> io::Result<Self> {
        let mut rule = Self {
            limits: LiveLimits::new(Limits::new()),
            counts: Arc::default(),
            status: None,
        };
        if let Some(path) = path {
            let mut file = RuleFile::new(path).outbound().watch()?;
            rule.status = Some(file.status());
            let present = file.changed().await;
            // That there is no file yet is no change.
            if present != Change::Removed {
                rule.obey(&present);
            }
            tokio::spawn(rule.clone().obey_all(file));
        }
        Ok(rule)
    }

    fn explanation(&self) -> Explanation {
        match &self.status {
            Some(status) => status.explanation(),
            None => {
                let query = Query::outbound(Service::new("upstream"));
                RuleSet::builder().build().explain(&query, OnFull::Refuse)
            }
        }
    }

    async fn obey_all(self, mut file: RuleWatch) {
        loop {
            let change = file.changed().await;
            self.obey(&change);
        }
    }

    fn obey(&self, change: &Change) {
        match change.limits() {
            Some(limits) => {
                // In force first, and counted then.
                self.limits.set(limits);
                self.counts.updates.fetch_add(1, Ordering::Release);
            }
            None => {
                self.counts.rejects.fetch_add(1, Ordering::Release);
            }
        }
        report(change);
    }
}

impl Mesh {
    /// Returns when all that is there is in force.
    async fn follow(flags: RuleFlags) -> io::Result<Self> {
        let rules = MeshRules::builder()
            .cluster_domain(&flags.cluster_domain)
            .default_namespace(&flags.default_namespace)
            .build();
        // Whose rules a call needs is known with its host only.
        let kubernetes = flags.kube.then(|| {
            let mesh_config = flags.mesh_config.clone();
            mesh_config.of(Kubernetes::new().sidecars(false))
        });
        let feeds = Feeds::follow(&flags.rules, kubernetes, &rules).await?;
        Ok(Self {
            outbound: flags.outbound(&rules),
            rules,
            _feeds: feeds,
        })
    }
}

impl RuleFlags {
    /// What limits a client of this identity.
    fn outbound(self, rules: &MeshRules) -> OutboundRules {
        let client = self.client_label.into_iter().fold(
            Client::new(self.client_namespace),
            |client, (key, value)| client.label(key, value),
        );
        let outbound = rules.outbound(client);
        let outbound = match self.namespace {
            // There is one upstream.
            Some(namespace) => outbound.service_namespace("*", namespace),
            None => outbound,
        };
        match self.subset {
            Some(subset) => outbound.subset(subset),
            None => outbound,
        }
    }
}
