//! What each source says, and the last that was right of it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use super::batch::{Action, Batch, Text};
use crate::istio::file::Rejected;
use crate::istio::problem::Problem;
#[cfg(any(feature = "watch", feature = "kube"))]
use crate::istio::problem::Severity;
use crate::istio::rule_set::{Loaded, Options};

/// All sources.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    by_name: BTreeMap<Arc<str>, Source>,
    /// How many there have been.
    count: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    /// Which of all that there have been it is.
    since: u64,
    /// What it said when it was right last.
    pub(super) good: Option<Arc<Loaded>>,
    /// Why what it says now is not in force.
    pub(super) rejected: Option<Rejected>,
    /// That it is looked for, and not there.
    pub(super) absent: Option<Problem>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub(super) updates: u64,
    pub(super) removals: u64,
    pub(super) rejected: Vec<Rejected>,
    /// What is looked for since, and was there or was not looked for.
    pub(super) absent: Vec<Problem>,
}

impl Applied {
    /// Whether anything else is in force than before.
    pub(super) fn is_change(&self) -> bool {
        self.updates + self.removals > 0
    }
}

impl Sources {
    pub(super) fn apply(&mut self, batch: Batch, options: &Options) -> Applied {
        let mut applied = Applied::default();
        for (name, action) in batch.changes {
            match action {
                Action::Put(text) => match read(Path::new(&name), &text, options) {
                    Ok(loaded) => {
                        applied.updates += 1;
                        let source = self.source(name);
                        *source = Source {
                            since: source.since,
                            good: Some(Arc::new(loaded)),
                            ..Source::default()
                        };
                    }
                    Err(rejected) => self.reject(name, rejected, &mut applied),
                },
                Action::Trouble(why) => {
                    let rejected = Rejected::of_file(Path::new(&name), &why);
                    self.reject(name, rejected, &mut applied);
                }
                Action::Remove => {
                    let gone = self.by_name.remove(&*name);
                    applied.removals += u64::from(gone.is_some_and(|gone| gone.good.is_some()));
                }
                #[cfg(any(feature = "watch", feature = "kube"))]
                Action::Absent(why) => {
                    let absent = Problem::of_file(Path::new(&name), Severity::Warning, why);
                    let source = self.source(name);
                    applied.removals += u64::from(source.good.is_some());
                    if source.absent.is_none() {
                        applied.absent.push(absent.clone());
                    }
                    *source = Source {
                        since: source.since,
                        absent: Some(absent),
                        ..Source::default()
                    };
                }
            }
        }
        applied
    }

    /// The one of this name, which may be a new one.
    fn source(&mut self, name: String) -> &mut Source {
        self.by_name.entry(name.into()).or_insert_with(|| {
            self.count += 1;
            Source {
                since: self.count,
                ..Source::default()
            }
        })
    }

    /// What it said before stays.
    fn reject(&mut self, name: String, rejected: Rejected, applied: &mut Applied) {
        applied.rejected.push(rejected.clone());
        let source = self.source(name);
        source.rejected = Some(rejected);
        source.absent = None;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.by_name.iter().map(|(name, source)| (&**name, source))
    }

    /// What is in force, from the source that came first on.
    pub(super) fn loaded(&self) -> Vec<Arc<Loaded>> {
        let mut sources: Vec<&Source> = self.by_name.values().collect();
        sources.sort_unstable_by_key(|source| source.since);
        let loaded = sources.iter().filter_map(|source| source.good.clone());
        loaded.collect()
    }
}

fn read(name: &Path, text: &Text, options: &Options) -> Result<Loaded, Rejected> {
    let Text { bytes, role, gate } = text;
    let options = match *gate {
        Some(gate) => &Options {
            gate,
            ..options.clone()
        },
        None => options,
    };
    // Whatever is in a source, who brings it goes on.
    catch_unwind(AssertUnwindSafe(|| {
        Loaded::parse(name, bytes, *role, options)
    }))
    .map_err(|_| Rejected::of_file(name, "its reader panicked"))?
    .checked()
}
