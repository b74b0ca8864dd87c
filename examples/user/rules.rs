//! The rules in force: one file for whatever host, or all rules of a mesh, from files or from
//! Kubernetes.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use meshpool::istio::kube::Kubernetes;
use meshpool::istio::rules::Rules;
use meshpool::istio::watch::RuleStatus;
use meshpool::istio::{Client, Explanation, OnFull, Query, RuleFile, RuleSet, Service};
use meshpool::telemetry::metrics::RulesMetrics;
use meshpool::{InboundPool, Limits};
use tokio::sync::Notify;

use crate::config_map::{ConfigMap, config_map};
use crate::domain::domain;
use crate::feeds::Feeds;
use crate::follow::follow;
use crate::label::label;
use crate::named::Named;
use crate::report::report;

#[derive(Debug, Args)]
pub(crate) struct RuleFlags {
    /// A file with a DestinationRule, followed live; without one nothing is limited
    #[arg(long, conflicts_with_all = ["rules", "kube"])]
    rule: Option<PathBuf>,
    /// Files and directories with a mesh's rules, followed live; the one for this host is obeyed
    #[arg(long, num_args = 1.., value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// Follow the rules in the Kubernetes API, of the namespace and the root namespace
    #[arg(long)]
    kube: bool,
    /// The mesh's root namespace, for --kube
    #[arg(long, value_name = "NAMESPACE", default_value = "istio-system")]
    root_namespace: String,
    /// The ConfigMap with the mesh's settings, for --kube
    #[arg(long, value_name = "NAMESPACE/NAME", default_value = "istio-system/istio", value_parser = config_map)]
    mesh_config: ConfigMap,
    /// Which service this is, for --rules and --kube: its full name, or its short one
    #[arg(long, default_value = "user")]
    host: String,
    /// The namespace of the service; the one that its full name has, or else `default`
    #[arg(long)]
    namespace: Option<String>,
    /// The domain of the cluster, under which short names of services stand
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local", value_parser = domain)]
    cluster_domain: String,
    /// The namespace of the objects in files that name none, as of `kubectl -n`
    #[arg(long, value_name = "NAMESPACE", default_value = "default")]
    default_namespace: String,
    /// The port of the service; without one the settings of no port are obeyed
    #[arg(long)]
    port: Option<u16>,
    /// The port on which its workloads listen, for Sidecars; that of the service unless set
    #[arg(long)]
    target_port: Option<u16>,
    /// A label of this workload, for Sidecars that select by them: KEY=VALUE
    #[arg(long, value_name = "LABEL", value_parser = label)]
    label: Vec<(String, String)>,
    /// Let requests wait wherever the rule sets http1MaxPendingRequests
    #[arg(long)]
    wait: bool,
}

/// What says what is limited.
#[derive(Clone)]
pub(crate) enum Followed {
    Nothing,
    File(RuleStatus),
    Rules(Rules, Query, OnFull),
}

impl Followed {
    /// How often what is in force changed.
    pub(crate) fn updates(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::File(status) => status.stats().revision,
            Self::Rules(rules, ..) => rules.stats().revision,
        }
    }

    /// How often something was not valid.
    pub(crate) fn rejects(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::File(status) => status.stats().rejects,
            Self::Rules(rules, ..) => rules.stats().rejects,
        }
    }

    /// How often the limits became others by it.
    pub(crate) fn limit_changes(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::File(status) => status.stats().limit_changes,
            Self::Rules(rules, ..) => rules.stats().limit_changes,
        }
    }

    pub(crate) fn metrics(&self) -> Option<RulesMetrics> {
        match self {
            Self::Nothing => None,
            Self::File(status) => Some(RulesMetrics::of_file("user", status.clone())),
            Self::Rules(rules, ..) => Some(RulesMetrics::new("user", rules.clone())),
        }
    }

    /// What is in force, and why.
    pub(crate) fn explanation(&self) -> Explanation {
        match self {
            Self::Nothing => {
                let query = Query::inbound(Service::new("user"));
                RuleSet::builder().build().explain(&query, OnFull::Refuse)
            }
            Self::File(status) => status.explanation(),
            Self::Rules(rules, query, on_full) => rules.explain(query, *on_full),
        }
    }
}

/// Limits the pool as the flags say, from when the present state of the rules is in force.
pub(crate) async fn limit(flags: RuleFlags, pool: &InboundPool) -> io::Result<Followed> {
    if let Some(path) = &flags.rule {
        return by_file(path.clone(), flags.on_full(), pool).await;
    }
    if flags.rules.is_empty() && !flags.kube {
        return Ok(Followed::Nothing);
    }
    by_rules(flags, pool).await
}

async fn by_file(path: PathBuf, on_full: OnFull, pool: &InboundPool) -> io::Result<Followed> {
    let rule = RuleFile::new(path).on_full(on_full).watch()?;
    let status = rule.status();
    let in_force = Arc::new(Notify::new());
    let told = Arc::clone(&in_force);
    tokio::spawn(follow(rule, pool.clone(), move |change| {
        report(change);
        told.notify_one();
    }));
    in_force.notified().await;
    if status.rejected().is_some() && status.rule().is_none() {
        eprintln!("no rule yet: nothing is limited until the file is valid");
    }
    Ok(Followed::File(status))
}

async fn by_rules(flags: RuleFlags, pool: &InboundPool) -> io::Result<Followed> {
    let rules = Rules::builder()
        .cluster_domain(&flags.cluster_domain)
        .default_namespace(&flags.default_namespace)
        .build();
    let kubernetes = flags.kube.then(|| flags.kubernetes());
    let feeds = Feeds::follow(&flags.rules, kubernetes, &rules).await?;
    let mut limits = rules.inbound_of(flags.query()).on_full(flags.on_full());
    let query = limits.query().clone();
    obey(limits.changed().await, pool);
    let pool = pool.clone();
    tokio::spawn(async move {
        let _feeds = feeds;
        loop {
            obey(limits.changed().await, &pool);
        }
    });
    Ok(Followed::Rules(rules, query, flags.on_full()))
}

fn obey(limits: Limits, pool: &InboundPool) {
    pool.update(limits);
    match limits == Limits::new() {
        true => eprintln!("no rule: nothing is limited"),
        false => eprintln!("rule applied: {limits:?}"),
    }
}

impl RuleFlags {
    fn on_full(&self) -> OnFull {
        match self.wait {
            true => OnFull::Wait,
            false => OnFull::Refuse,
        }
    }

    /// What is followed there.
    fn kubernetes(&self) -> Kubernetes {
        let kubernetes = Kubernetes::new()
            .namespace(self.named().namespace())
            .root_namespace(&self.root_namespace);
        self.mesh_config.clone().of(kubernetes)
    }

    fn named(&self) -> Named<'_> {
        Named {
            host: &self.host,
            namespace: self.namespace.as_deref(),
            cluster_domain: &self.cluster_domain,
        }
    }

    /// Which service this is.
    fn service(&self) -> Service {
        let mut service = self.named().service();
        if let Some(port) = self.port {
            service = service.port(port);
        }
        if let Some(port) = self.target_port {
            service = service.target_port(port);
        }
        service
    }

    /// Which workload this is.
    fn workload(&self) -> Client {
        let workload = Client::new(self.named().namespace());
        let labels = self.label.iter();
        labels.fold(workload, |workload, (key, value)| {
            workload.label(key, value)
        })
    }

    fn query(&self) -> Query {
        Query::inbound(self.service()).client(self.workload())
    }
}
