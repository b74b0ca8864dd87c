//! What each source says, and the last that was right of it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use super::batch::{Action, Batch};
use crate::istio::file::Rejected;
use crate::istio::gate::Gate;
use crate::istio::rule_set::Loaded;

/// All sources, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources(BTreeMap<Arc<str>, Source>);

#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    /// What it said when it was right last.
    pub(super) good: Option<Arc<Loaded>>,
    /// Why what it says now is not in force.
    pub(super) rejected: Option<Rejected>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub(super) updates: u64,
    pub(super) removals: u64,
    pub(super) rejected: Vec<Rejected>,
}

impl Applied {
    /// Whether anything else is in force than before.
    pub(super) fn is_change(&self) -> bool {
        self.updates + self.removals > 0
    }
}

impl Sources {
    pub(super) fn apply(&mut self, batch: Batch, gate: Gate) -> Applied {
        let mut applied = Applied::default();
        for (name, action) in batch.changes {
            match action {
                Action::Put(bytes) => match read(Path::new(&name), &bytes, gate) {
                    Ok(loaded) => {
                        applied.updates += 1;
                        let good = Some(Arc::new(loaded));
                        let rejected = None;
                        self.0.insert(name.into(), Source { good, rejected });
                    }
                    Err(rejected) => self.reject(name, rejected, &mut applied),
                },
                Action::Trouble(why) => {
                    let rejected = Rejected::of_file(Path::new(&name), &why);
                    self.reject(name, rejected, &mut applied);
                }
                Action::Remove => {
                    let gone = self.0.remove(&*name);
                    applied.removals += u64::from(gone.is_some_and(|gone| gone.good.is_some()));
                }
            }
        }
        applied
    }

    /// What it said before stays.
    fn reject(&mut self, name: String, rejected: Rejected, applied: &mut Applied) {
        applied.rejected.push(rejected.clone());
        self.0.entry(name.into()).or_default().rejected = Some(rejected);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.0.iter().map(|(name, source)| (&**name, source))
    }

    pub(super) fn loaded(&self) -> impl Iterator<Item = &Arc<Loaded>> {
        self.0.values().filter_map(|source| source.good.as_ref())
    }
}

fn read(name: &Path, bytes: &[u8], gate: Gate) -> Result<Loaded, Rejected> {
    if bytes.trim_ascii().is_empty() {
        // Half of an edit, more likely than a decision.
        let why = "it is empty: delete it to lift what it said";
        return Err(Rejected::of_file(name, why));
    }
    // Whatever is in a source, who brings it goes on.
    catch_unwind(AssertUnwindSafe(|| Loaded::parse(name, bytes, gate)))
        .map_err(|_| Rejected::of_file(name, "its reader panicked"))?
        .checked()
}
