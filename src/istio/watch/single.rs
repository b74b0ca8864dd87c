//! What the changes of a rule file mean: for [`RuleFile::watch`].

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Change;
use super::follow::Sink;
use super::look::Changes;
use super::mailbox::{Changed, Sender};
use super::observe::Observed;
use crate::istio::event;
use crate::istio::file::RuleFile;

/// Reads the file's changes, and tells of them.
#[derive(Debug)]
pub(super) struct Single {
    file: RuleFile,
    to: Sender,
}

impl Single {
    pub(super) fn new(file: RuleFile, to: Sender) -> Self {
        Self { file, to }
    }

    fn change(&self, observed: &Observed) -> Change {
        let file = &self.file;
        let read = match observed {
            Observed::Missing => return Change::Removed,
            // Whatever is in a file, the thread that follows it goes on.
            Observed::Content(bytes) => catch_unwind(AssertUnwindSafe(|| file.parse(bytes)))
                .unwrap_or_else(|_| Err(file.unreadable(&io::Error::other("its reader panicked")))),
            Observed::Unreadable(error) => Err(file.unreadable(error)),
        };
        match read {
            Ok(rule) => Change::Applied(rule),
            Err(rejected) => {
                event::file_rejected(file.path(), &rejected);
                Change::Rejected(rejected)
            }
        }
    }
}

impl Sink for Single {
    fn changed(&mut self, changes: Changes) {
        // A file that was named is looked at whatever it is: none is ever left out.
        for (_, observed) in &changes.found {
            if let Some(Changed { from, to, revision }) = self.to.tell(self.change(observed)) {
                event::limits_changed(&self.file.path().display(), from, to, revision);
            }
        }
    }

    fn looked(&mut self) {
        self.to.looked();
    }
}
