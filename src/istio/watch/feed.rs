//! What the changes of files mean for [`Rules`].

use std::collections::BTreeSet;
use std::path::PathBuf;
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
    /// What was named, and not found in a directory: it is missed if it is not there.
    named: BTreeSet<PathBuf>,
    progress: Arc<Progress>,
}

impl Feed {
    pub(super) fn new(rules: Rules, named: &[PathBuf], progress: Arc<Progress>) -> Self {
        Self {
            rules,
            named: named.iter().cloned().collect(),
            progress,
        }
    }
}

impl Sink for Feed {
    fn changed(&mut self, changes: Changes) {
        let mut batch = Batch::new();
        for path in changes.left_out {
            batch.remove(path.to_string_lossy());
        }
        for (path, observed) in changes.found {
            let source = path.to_string_lossy();
            match observed {
                Observed::Missing if self.named.contains(&path) => batch.absent(source, MISSING),
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
