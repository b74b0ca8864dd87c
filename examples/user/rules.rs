//! The rules in force: one file for whatever host, or all rules of a mesh, from files or from
//! Kubernetes.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use meshpool::istio::kube::{KubeWatch, Kubernetes};
use meshpool::istio::rules::Rules;
use meshpool::istio::watch::{Change, FilesWatch, RuleFiles, RuleStatus};
use meshpool::istio::{Explanation, OnFull, Query, RuleFile, RuleSet, Service};
use meshpool::{InboundPool, Limits};
use tokio::sync::Notify;

use crate::follow::follow;

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
    /// Which service this is, for --rules and --kube
    #[arg(long, default_value = "user")]
    host: String,
    /// The namespace of the service
    #[arg(long, default_value = "default")]
    namespace: String,
    /// The port of the service; without one the settings of no port are obeyed
    #[arg(long)]
    port: Option<u16>,
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

/// Says what is in force now. Of a rejected file the library has said so itself.
fn report(change: &Change) {
    match change {
        Change::Applied(rule) => {
            eprintln!("rule applied: {:?}", rule.limits());
            for notice in rule.notices() {
                eprintln!("{notice}");
            }
        }
        Change::Removed => eprintln!("no rule: nothing is limited"),
        _ => {}
    }
}

async fn by_rules(flags: RuleFlags, pool: &InboundPool) -> io::Result<Followed> {
    let rules = Rules::new();
    let feeds = Feeds::follow(&flags, &rules).await?;
    for problem in rules.problems() {
        eprintln!("{problem}");
    }
    let mut limits = rules.inbound(flags.service()).on_full(flags.on_full());
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

/// What brings the rules, for as long as it is held.
struct Feeds {
    _files: Option<FilesWatch>,
    _kube: Option<KubeWatch>,
}

impl Feeds {
    /// Returns when all that is there is in force.
    async fn follow(flags: &RuleFlags, rules: &Rules) -> io::Result<Self> {
        let mut files = match flags.rules.is_empty() {
            true => None,
            false => Some(RuleFiles::new(&flags.rules).follow(rules)?),
        };
        let mut kube = match flags.kube {
            true => {
                let kubernetes = Kubernetes::new().namespace(&flags.namespace);
                Some(kubernetes.follow(rules).await.map_err(io::Error::other)?)
            }
            false => None,
        };
        if let Some(files) = &mut files {
            files.settled().await;
        }
        if let Some(kube) = &mut kube {
            kube.settled().await;
        }
        Ok(Self {
            _files: files,
            _kube: kube,
        })
    }
}

impl RuleFlags {
    fn on_full(&self) -> OnFull {
        match self.wait {
            true => OnFull::Wait,
            false => OnFull::Refuse,
        }
    }

    /// Which service this is.
    fn service(&self) -> Service {
        let service = Service::new(&self.host).namespace(&self.namespace);
        match self.port {
            Some(port) => service.port(port),
            None => service,
        }
    }
}
