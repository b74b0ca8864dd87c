//! The rule file in force: from its changes to the pool's limits.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use meshpool::Limits;
use meshpool::istio::RuleFile;
use meshpool::istio::watch::{Change, RuleWatch};
use meshpool::limits::LiveLimits;

/// What Istio gives Envoy where a rule says nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What Envoy has where nobody says anything.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

/// The limits in force, and how often they changed.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) limits: LiveLimits,
    updates: AtomicU64,
    rejects: AtomicU64,
}

impl Rules {
    /// Follows a rule file, from the time when its present state is in force.
    pub(crate) async fn follow(path: Option<PathBuf>) -> io::Result<Arc<Self>> {
        let rules = Arc::new(Self {
            limits: LiveLimits::new(with_defaults(Limits::new())),
            updates: AtomicU64::new(0),
            rejects: AtomicU64::new(0),
        });
        if let Some(path) = path {
            let mut file = RuleFile::new(path).outbound().watch()?;
            let present = file.changed().await;
            // That there is no file yet is no change.
            if present != Change::Removed {
                rules.obey(&present);
            }
            tokio::spawn(rules.clone().obey_all(file));
        }
        Ok(rules)
    }

    /// How often a changed file came into force, or went out of it.
    pub(crate) fn updates(&self) -> u64 {
        self.updates.load(Ordering::Acquire)
    }

    /// How often a changed file was refused.
    pub(crate) fn rejects(&self) -> u64 {
        self.rejects.load(Ordering::Acquire)
    }

    async fn obey_all(self: Arc<Self>, mut file: RuleWatch) {
        loop {
            let change = file.changed().await;
            self.obey(&change);
        }
    }

    fn obey(&self, change: &Change) {
        match change.limits() {
            Some(limits) => {
                // In force first, and counted then.
                self.limits.set(with_defaults(limits));
                self.updates.fetch_add(1, Ordering::Release);
            }
            None => {
                self.rejects.fetch_add(1, Ordering::Release);
            }
        }
        report(change);
    }
}

fn with_defaults(mut limits: Limits) -> Limits {
    limits.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
    limits.idle_timeout.get_or_insert(IDLE_TIMEOUT);
    limits
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
