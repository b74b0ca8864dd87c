//! The numbers of rules.

use ::metrics::{Unit, counter, describe_counter};

use crate::istio::rules::Rules;
#[cfg(feature = "watch")]
use crate::istio::watch::RuleStatus;

/// Hands what rules went through to the `metrics` facade. See the [module](super) for the names.
#[derive(Clone, Debug)]
pub struct RulesMetrics {
    name: String,
    of: Of,
}

#[derive(Clone, Debug)]
enum Of {
    Rules(Rules),
    #[cfg(feature = "watch")]
    File(RuleStatus),
}

/// How often it happened.
struct Counts {
    changes: u64,
    updates: u64,
    rejects: u64,
    removals: u64,
    limit_changes: u64,
}

impl RulesMetrics {
    /// The metrics of rules from whatever sources, under this name.
    pub fn new(name: impl Into<String>, rules: Rules) -> Self {
        let of = Of::Rules(rules);
        let name = name.into();
        Self { name, of }
    }

    /// The metrics of the one file that [`RuleFile::watch`](crate::istio::RuleFile::watch) follows,
    /// under this name.
    #[cfg(feature = "watch")]
    #[cfg_attr(docsrs, doc(cfg(feature = "watch")))]
    pub fn of_file(name: impl Into<String>, file: RuleStatus) -> Self {
        let of = Of::File(file);
        let name = name.into();
        Self { name, of }
    }

    /// Describes and records everything there is at this instant, to the recorder that is
    /// installed. Call it when the metrics are about to be read.
    pub fn record(&self) {
        describe();
        let counts = self.counts();
        for (metric, value) in [
            ("meshpool_rules_changes_total", counts.changes),
            ("meshpool_rules_updates_total", counts.updates),
            ("meshpool_rules_rejects_total", counts.rejects),
            ("meshpool_rules_removals_total", counts.removals),
            ("meshpool_rules_limit_changes_total", counts.limit_changes),
        ] {
            counter!(metric, "rules" => self.name.clone()).absolute(value);
        }
    }

    fn counts(&self) -> Counts {
        match &self.of {
            Of::Rules(rules) => {
                let stats = rules.stats();
                Counts {
                    changes: stats.revision,
                    updates: stats.updates,
                    rejects: stats.rejects,
                    removals: stats.removals,
                    limit_changes: stats.limit_changes,
                }
            }
            #[cfg(feature = "watch")]
            Of::File(file) => {
                let stats = file.stats();
                Counts {
                    changes: stats.revision,
                    updates: stats.updates,
                    rejects: stats.rejects,
                    removals: stats.removals,
                    limit_changes: stats.limit_changes,
                }
            }
        }
    }
}

fn describe() {
    for (name, text) in [
        (
            "meshpool_rules_changes_total",
            "Times that the rules in force changed",
        ),
        (
            "meshpool_rules_updates_total",
            "Times that a source of rules was accepted",
        ),
        (
            "meshpool_rules_rejects_total",
            "Times that a source of rules was rejected, or could not be read",
        ),
        (
            "meshpool_rules_removals_total",
            "Times that a source of rules went away",
        ),
        (
            "meshpool_rules_limit_changes_total",
            "Times that limits became others than before",
        ),
    ] {
        describe_counter!(name, Unit::Count, text);
    }
}
