//! What the changes of files mean for [`Rules`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::follow::Sink;
use super::look::Changes;
use super::observe::Observed;
use super::progress::Progress;
use crate::istio::rules::{Batch, Rules};

const MISSING: &str = "there is no such file or directory; it is waited for";

/// Brings what files hold into the rules.
#[derive(Debug)]
pub(super) struct Feed {
    rules: Rules,
    /// What was named, and as the how manyth. Unlike what is found in a directory it is missed if it
    /// is not there.
    named: BTreeMap<PathBuf, usize>,
    progress: Arc<Progress>,
}

impl Feed {
    pub(super) fn new(rules: Rules, named: &[PathBuf], progress: Arc<Progress>) -> Self {
        // Of what is named twice the first place is kept.
        let places = named.iter().enumerate().rev();
        Self {
            rules,
            named: places.map(|(place, path)| (path.clone(), place)).collect(),
            progress,
        }
    }

    /// The place of a path among those that were named, by itself or by its directory.
    fn rank(&self, path: &Path) -> Option<usize> {
        let of_directory = path
            .parent()
            .and_then(|directory| self.named.get(directory));
        let ranks = self.named.get(path).into_iter().chain(of_directory);
        ranks.min().copied()
    }
}

/// The name of a file's source: its path. Of a path that is no Unicode it is the quoted form, with
/// escapes, so that no two are the same.
fn name(path: &Path) -> String {
    match path.to_str() {
        Some(path) => path.to_owned(),
        None => format!("{path:?}"),
    }
}

impl Sink for Feed {
    fn changed(&mut self, changes: Changes) {
        let mut batch = Batch::new();
        for path in changes.left_out {
            batch.remove(name(&path));
        }
        let mut found = changes.found;
        found.sort_by_cached_key(|(path, _)| (self.rank(path), path.clone()));
        for (path, observed) in found {
            let source = name(&path);
            match observed {
                Observed::Missing if self.named.contains_key(&path) => {
                    batch.absent(source, MISSING);
                }
                Observed::Missing => batch.remove(source),
                Observed::Content(bytes) => batch.put(source, bytes),
                Observed::Unreadable(error) => {
                    batch.trouble(source, format!("cannot be read: {error}"));
                }
            }
        }
        self.rules.apply(batch);
        self.progress.settle();
    }

    fn looked(&mut self) {
        self.progress.look();
    }
}

/// However the thread ended, nobody is to wait for it.
impl Drop for Feed {
    fn drop(&mut self) {
        self.progress.settle();
    }
}
