//! Rules in force: [`Rules`], fed by files, directories, Kubernetes or code, and followed by pools.
//!
//! What lives here decides what is in force *when*: it keeps what each source said when it was
//! right last, and makes a [`RuleSet`] of all. What a set says is decided there; who feeds it is
//! beside it. It knows no runtime.
//!
//! ```
//! use meshpool::istio::rules::Rules;
//! use meshpool::istio::{Client, Service};
//! use meshpool::limits::{Destination, LimitsSource, Scheme};
//!
//! let rules = Rules::new();
//! let outbound = rules.outbound(Client::new("demo"));
//! let user = Destination::new(Scheme::Http, "user", 80);
//! assert_eq!(outbound.limits(&user).max_requests, None);
//!
//! rules.put(
//!     "user.yaml",
//!     "apiVersion: networking.istio.io/v1
//! kind: DestinationRule
//! metadata: {name: user, namespace: demo}
//! spec:
//!   host: user
//!   trafficPolicy:
//!     connectionPool:
//!       http: {http2MaxRequests: 1}
//! ",
//! )?;
//! assert_eq!(outbound.limits(&user).max_requests, Some(1));
//!
//! // The same rule limits the service that it is for.
//! let inbound = rules.inbound(Service::new("user").namespace("demo"));
//! assert_eq!(inbound.limits().max_requests, Some(1));
//!
//! // What is wrong stays out, and what was in force stays in.
//! assert!(rules.put("user.yaml", "kind: [").is_err());
//! assert_eq!(inbound.limits().max_requests, Some(1));
//! # Ok::<(), meshpool::istio::Rejected>(())
//! ```
//!
//! # Sources
//!
//! A source is whatever has one text at a time: a file, an object of the API server, something of
//! your own; its name is for messages, and to say later that it changed or is gone. A source with
//! an error in it is rejected as a whole, and what it said before stays in force; the others are
//! not touched. (Behind istiod's [gate](RulesBuilder::gate) only what cannot be read is an error in
//! this sense.) Several changes that belong together are a [`Batch`].
//!
//! # Objects of the same name
//!
//! Two of the same kind, namespace and name are an error, which [`Rules::problems`] has, and what is
//! in force stays: the source whose object was in force first keeps it for as long as it has it,
//! whoever brings another one. Where there was none, or it goes away, the source counts that came
//! first; of a batch, the first in it. So files count in the order in which
#![cfg_attr(feature = "watch", doc = "[`RuleFiles`](super::watch::RuleFiles)")]
#![cfg_attr(not(feature = "watch"), doc = "`RuleFiles`")]
//! was given them (those of a directory by name), and before a cluster that is followed once they
//! are in force. There is one `MeshConfig`, whatever it is called.
//!
//! # Readers
//!
//! [`Rules::current`] and all that build on it never wait for what is being put in force meanwhile,
//! and take no lock, but for one: [`OutboundRules`] remembers, under a lock of its own that is held
//! for a look-up in a map, what it told of each destination. A set that was got stays as it is for
//! as long as it is held; whoever lets go of the last of one that is no longer in force frees it,
//! which takes milliseconds if it has thousands of rules.

mod batch;
mod builder;
mod destination;
mod inbound;
mod outbound;
mod sources;
mod stats;
mod status;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::{ArcSwap, Guard};

pub use self::batch::Batch;
pub use self::builder::RulesBuilder;
pub use self::inbound::InboundRules;
pub use self::outbound::OutboundRules;
pub use self::stats::RulesStats;
pub use self::status::SourceStatus;

use self::sources::Sources;
use super::event;
use super::rule_set::{Options, RuleSet};
use super::{Client, Explanation, OnFull, Problem, Query, Rejected, Service};
use crate::limits::{Limits, Subscriber, Subscribers};

/// Rules in force, from any number of sources, changed live. Clones are the same.
#[derive(Clone)]
pub struct Rules(Arc<Shared>);

struct Shared {
    options: Options,
    current: ArcSwap<Snapshot>,
    /// Held by who changes something, so that changes take effect in the order in which they come.
    changing: Mutex<()>,
    subscribers: Subscribers,
    /// The revision that all of them have been told of.
    told: AtomicU64,
    limit_changes: AtomicU64,
}

/// What is in force at one time.
struct Snapshot {
    revision: u64,
    /// But for what is counted in no snapshot.
    stats: RulesStats,
    sources: Sources,
    set: Arc<RuleSet>,
}

impl Default for Rules {
    fn default() -> Self {
        Self::new()
    }
}

impl Rules {
    /// No rules, to be selected as Istio does.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Begins with what is not the default.
    pub fn builder() -> RulesBuilder {
        RulesBuilder::default()
    }

    /// What the source says from now on: YAML or JSON in UTF-8, at most 1 MiB, with any number of
    /// documents. When this returns it is in force.
    ///
    /// # Errors
    ///
    /// If there is an error anywhere in it; behind [`Gate::Istiod`](super::Gate::Istiod) none that
    /// Istio's admission alone would find. What the source said before stays in force.
    pub fn put(&self, source: &str, text: impl AsRef<[u8]>) -> Result<(), Rejected> {
        let mut batch = Batch::new();
        batch.put(source, text.as_ref());
        self.apply(batch).pop().map_or(Ok(()), Err)
    }

    /// The source is gone, with all that it said.
    pub fn remove(&self, source: &str) {
        let mut batch = Batch::new();
        batch.remove(source);
        self.apply(batch);
    }

    /// Puts all that changes in force as one, and returns what was rejected of it. What is right
    /// is in force in spite of what is not.
    pub fn apply(&self, batch: Batch) -> Vec<Rejected> {
        let shared = &*self.0;
        let (applied, revision) = {
            let _changing = shared
                .changing
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let before = shared.current.load_full();
            let mut sources = before.sources.clone();
            let applied = sources.apply(batch, &shared.options);
            let mut next = match applied.is_change() {
                true => {
                    let revision = before.revision + 1;
                    Snapshot::new(revision, sources, &shared.options, Some(&before.set))
                }
                false => before.with(sources),
            };
            next.stats = before.stats;
            next.stats.add(&applied);
            let revision = next.revision;
            shared.current.store(Arc::new(next));
            (applied, revision)
        };
        for rejected in &applied.rejected {
            event::rules_rejected(rejected);
        }
        for absent in &applied.absent {
            event::rules_missing(absent);
        }
        if applied.is_change() {
            shared.subscribers.tell();
        }
        shared.told.fetch_max(revision, Ordering::Release);
        applied.rejected
    }

    /// The set in force.
    pub fn current(&self) -> Arc<RuleSet> {
        Arc::clone(&self.snapshot().set)
    }

    /// A number that has grown whenever another set is in force.
    pub fn revision(&self) -> u64 {
        self.snapshot().revision
    }

    /// Has this called after each change, for as long as it can be upgraded; on the thread that
    /// made the change, under no lock.
    pub fn subscribe(&self, subscriber: Weak<Subscriber>) {
        self.0.subscribers.add(subscriber);
    }

    /// The limits of the requests that this process sends as a client of this identity: a
    /// [`LimitsSource`](crate::limits::LimitsSource) for the outbound client.
    pub fn outbound(&self, client: Client) -> OutboundRules {
        OutboundRules::new(self.clone(), client)
    }

    /// The limits of the requests that this process serves as this service, for
    #[cfg_attr(
        feature = "inbound",
        doc = "[`InboundPool::update`](crate::InboundPool::update)."
    )]
    #[cfg_attr(not(feature = "inbound"), doc = "`InboundPool::update`.")]
    pub fn inbound(&self, service: Service) -> InboundRules {
        self.inbound_of(Query::inbound(service))
    }

    /// [`inbound`](Self::inbound) for a query that also says which workload this process is.
    pub fn inbound_of(&self, query: Query) -> InboundRules {
        InboundRules::new(self, query)
    }

    /// The counters.
    pub fn stats(&self) -> RulesStats {
        RulesStats {
            revision: self.0.told.load(Ordering::Acquire),
            limit_changes: self.0.limit_changes.load(Ordering::Relaxed),
            ..self.snapshot().stats
        }
    }

    /// How it stands with each source, in the order of their names.
    pub fn sources(&self) -> Vec<SourceStatus> {
        let current = self.snapshot();
        current.sources.iter().map(SourceStatus::from).collect()
    }

    /// All that is wrong or worth knowing now: of the sources that are rejected, why; which files
    /// are looked for and not there; of the set in force, what was found in it.
    pub fn problems(&self) -> Vec<Problem> {
        let current = self.snapshot();
        let mut problems: Vec<_> = current
            .rejected()
            .chain(current.absent())
            .cloned()
            .collect();
        problems.extend(current.set.problems().iter().cloned());
        problems
    }

    /// What applies to these requests now, and why. While a source is rejected, that is not valid,
    /// and its problems are with it.
    pub fn explain(&self, query: &Query, on_full: OnFull) -> Explanation {
        let current = self.snapshot();
        let of_sources: Vec<Problem> = current
            .rejected()
            .chain(current.absent())
            .cloned()
            .collect();
        let explanation = current.set.explain(query, on_full);
        explanation.with(&of_sources, current.rejected().next().is_none())
    }

    fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.0.current.load()
    }

    fn cluster_domain(&self) -> &str {
        &self.0.options.cluster_domain
    }

    /// Counts that limits became others, and tells.
    fn note(&self, of: &dyn fmt::Display, from: Limits, to: Limits, revision: u64) {
        if from == to {
            return;
        }
        self.0.limit_changes.fetch_add(1, Ordering::Relaxed);
        event::limits_changed(of, from, to, revision);
    }
}

impl Snapshot {
    fn new(revision: u64, sources: Sources, options: &Options, before: Option<&RuleSet>) -> Self {
        let set = RuleSet::assemble(sources.loaded(), options, before);
        Self {
            revision,
            stats: RulesStats::default(),
            sources,
            set: Arc::new(set),
        }
    }

    /// The problems of the sources that are rejected.
    fn rejected(&self) -> impl Iterator<Item = &Problem> {
        let sources = self.sources.iter();
        let rejected = sources.filter_map(|(_, source)| source.rejected.as_ref());
        rejected.flat_map(Rejected::problems)
    }

    /// The sources that are looked for and not there.
    fn absent(&self) -> impl Iterator<Item = &Problem> {
        let sources = self.sources.iter();
        sources.filter_map(|(_, source)| source.absent.as_ref())
    }

    /// The same in force, though not of all that the sources say now.
    fn with(&self, sources: Sources) -> Self {
        Self {
            revision: self.revision,
            stats: self.stats,
            sources,
            set: Arc::clone(&self.set),
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("revision", &self.revision())
            .finish_non_exhaustive()
    }
}
