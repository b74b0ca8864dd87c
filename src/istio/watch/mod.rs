//! Rule files followed live: one with [`RuleFile::watch`], several and directories with
//! [`RuleFiles`].
//!
//! What lives here decides *when* a file is read and what its states mean in a row; what a file
//! says is decided around it. It knows no runtime: one thread of its own reads and waits, and the
//! futures work on any executor.
//!
//! ```no_run
//! use meshpool::istio::{RuleFile, watch::Change};
//!
//! # fn update(_: meshpool::Limits) {}
//! # async fn follow() -> std::io::Result<()> {
//! let mut rule = RuleFile::new("/etc/user/rule.yaml").watch()?;
//! loop {
//!     let change = rule.changed().await;
//!     if let Some(limits) = change.limits() {
//!         update(limits);
//!     }
//!     if let Change::Rejected(rejected) = change {
//!         eprintln!("the limits stay as they are:\n{rejected}");
//!     }
//! }
//! # }
//! ```
//!
//! # What counts as a change
//!
//! - The first change is the file's present state, so one loop is all that a service needs.
//! - A file is taken as it is when two reads agree, the debounce apart: half of a write in place,
//!   or the gap between a delete and a create, is not seen. Content that was seen last is no
//!   change.
//! - A file that is gone, and still gone after the debounce, lifts all limits
//!   ([`Change::Removed`]).
//! - A file that is empty, broken, unreadable, too large or no regular file keeps the limits that
//!   are in force ([`Change::Rejected`]); with the feature `tracing` a warning is logged as well.
//!   When the same good content comes back it is [`Change::Applied`] again, so that the end of
//!   the trouble is told.
//! - Who asks seldom gets the latest: a change that was not fetched is replaced by the next one,
//!   except that a rejection does not hide the limits that were applied before it.
//!
//! # Several files, and directories
//!
//! [`RuleFiles`] follows any number of both in one thread, and brings what they say into
//! [`Rules`](super::rules::Rules), where each file is a source of its own. The same counts as a
//! change, and besides:
//!
//! - What changed together takes effect together: files that were renamed, or all files of a
//!   ConfigMap. A file that keeps changing holds up no other.
//! - A directory that vanishes, or cannot be read, is trouble and not a decision: what its files
//!   said stays in force until it is back, and is reported. To lift the rules, delete the files.
//! - A file that has become a directory keeps in force what it said, and is reported; but what was
//!   named itself may be either. Delete it to lift the rules.
//! - A path that was named and is not there is waited for, and told meanwhile: it may be a mistyped
//!   one.
//! - At most 20 000 files are followed, with 64 MiB together. A directory with more of them, or a
//!   file that is too much, is reported, and what was in force stays. Content is not kept: a file
//!   whose size and times are the same, for two seconds at least, is not read again.
//!
//! # What is watched
//!
//! The directory of the file, and where the file is a symbolic link, of each link on the way: so
//! editors that write in place, rename or re-create are seen, and so is the swap of the `..data`
//! link in a mounted Kubernetes ConfigMap. Directories that are missing are waited for. Files are
//! looked at once in a while anyway, for file systems that tell nothing (network mounts), and
//! for when the system refuses a watch.

mod feed;
mod files;
mod follow;
mod listing;
mod look;
mod mailbox;
mod observe;
mod places;
mod progress;
mod signal;
mod single;
mod stamp;

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

pub use self::files::{FilesWatch, RuleFiles};

use self::listing::Paths;
use self::mailbox::{Mailbox, Sender};
use self::signal::Signal;
use self::single::Single;
use super::explain::Explanation;
use super::file::{Rejected, Rule, RuleFile};
use crate::limits::Limits;

/// How a file is followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    debounce: Duration,
    poll_interval: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            debounce: Duration::from_millis(100),
            poll_interval: Duration::from_secs(5),
        }
    }
}

impl Timing {
    fn debounce(mut self, debounce: Duration) -> Self {
        self.debounce = debounce;
        self
    }

    fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval.max(Duration::from_millis(10));
        self
    }
}

/// Following it, with the feature `watch`.
impl RuleFile {
    /// How long the file must stay the same before it is taken. Default: 100 ms.
    #[must_use]
    pub fn debounce(mut self, debounce: Duration) -> Self {
        self.timing = self.timing.debounce(debounce);
        self
    }

    /// How often the file is looked at even if the system tells of no change. Default: 5 s; at
    /// least 10 ms.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.timing = self.timing.poll_interval(interval);
        self
    }

    /// Follows the file from now on, in a thread of its own, until the handle is dropped. It does
    /// not block: the file is first read in that thread.
    ///
    /// # Errors
    ///
    /// If no thread can be started. That the file is missing or broken is no error here: it is
    /// the first change.
    pub fn watch(self) -> io::Result<RuleWatch> {
        let mailbox = Arc::new(Mailbox::default());
        let signal = Arc::new(Signal::default());
        let (to, wake) = (Sender::new(Arc::clone(&mailbox)), Arc::clone(&signal));
        let paths = Paths::file(self.path().to_owned());
        let timing = self.timing;
        let file = Arc::new(self.clone());
        let mut sink = Single::new(self, to);
        thread::Builder::new()
            .name("meshpool-rule".to_owned())
            .spawn(move || follow::follow(paths, timing, &mut sink, &wake))?;
        Ok(RuleWatch {
            file,
            mailbox,
            signal,
        })
    }
}

/// A followed file. Made by [`RuleFile::watch`]; dropping it ends the following.
#[derive(Debug)]
pub struct RuleWatch {
    file: Arc<RuleFile>,
    mailbox: Arc<Mailbox>,
    signal: Arc<Signal>,
}

impl RuleWatch {
    /// Waits for the next change; the first is the file's present state.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a change that it did not return is returned by the
    /// next.
    pub async fn changed(&mut self) -> Change {
        std::future::poll_fn(|cx| self.poll_changed(cx)).await
    }

    /// [`changed`](Self::changed) for hand-written futures. Only the last waker is kept.
    pub fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<Change> {
        self.mailbox.poll(cx)
    }

    /// A handle that tells of the file's state and may be shared, for an admin page, say.
    pub fn status(&self) -> RuleStatus {
        RuleStatus {
            file: Arc::clone(&self.file),
            mailbox: Arc::clone(&self.mailbox),
        }
    }
}

impl Drop for RuleWatch {
    fn drop(&mut self) {
        // The thread is not waited for: it may be in a slow read.
        self.signal.stop();
    }
}

/// What became of a followed file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The file is valid: its limits are to be enforced.
    Applied(Rule),
    /// There is no file: nothing is to be limited.
    Removed,
    /// The file is not valid: what is in force stays. If it is the first change, that is nothing.
    Rejected(Rejected),
}

impl Change {
    /// The limits to enforce from now on: unlimited if the file is gone, `None` if they stay.
    pub fn limits(&self) -> Option<Limits> {
        match self {
            Self::Applied(rule) => Some(rule.limits()),
            Self::Removed => Some(Limits::new()),
            Self::Rejected(_) => None,
        }
    }
}

/// A shared view of a followed file. It stays readable after its [`RuleWatch`] is dropped, and
/// then no longer changes.
#[derive(Clone, Debug)]
pub struct RuleStatus {
    file: Arc<RuleFile>,
    mailbox: Arc<Mailbox>,
}

impl RuleStatus {
    /// The counters, of one instant.
    pub fn stats(&self) -> RuleStats {
        self.mailbox.stats()
    }

    /// The rule in force: that of the last valid file, unless the file was removed since.
    pub fn rule(&self) -> Option<Rule> {
        self.mailbox.rule()
    }

    /// Whether the file is no longer followed: its [`RuleWatch`] was dropped, and the thread has
    /// ended.
    pub fn is_ended(&self) -> bool {
        self.mailbox.is_ended()
    }

    /// Why the file as it is now is not applied, if so.
    pub fn rejected(&self) -> Option<Rejected> {
        self.mailbox.rejected()
    }

    /// What is in force now, and why. While the file as it is now is rejected, that is not valid,
    /// and its problems are with it.
    pub fn explanation(&self) -> Explanation {
        let explanation = match self.rule() {
            Some(rule) => rule.explanation().clone(),
            None => self.file.explain_nothing(),
        };
        match self.rejected() {
            Some(rejected) => explanation.with(rejected.problems(), false),
            None => explanation,
        }
    }
}

/// What a followed file went through. Counters only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleStats {
    /// How often the file was looked at, changed or not. It grows at least once in a poll
    /// interval, unless the file system hangs.
    pub looks: u64,
    /// How often a valid file was applied, the first time included.
    pub updates: u64,
    /// How often a file was rejected.
    pub rejects: u64,
    /// How often the file went away. That it was missing at the start does not count.
    pub removals: u64,
    /// How often the rule in force changed: updates and removals.
    pub revision: u64,
    /// How often its limits became others than before; at first there are none.
    pub limit_changes: u64,
}
