//! Files and directories followed live: [`RuleFiles`].

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use super::Timing;
use super::feed::Feed;
use super::follow::follow;
use super::listing::Paths;
use super::progress::Progress;
use super::signal::Signal;
use crate::istio::rules::Rules;

/// Files and directories with rules, and how they are followed into [`Rules`].
///
/// Of a directory, those files count whose names end in `.yaml`, `.yml` or `.json` and do not
/// begin with a dot; directories inside it do not count. A mounted ConfigMap is such a directory.
///
/// ```no_run
/// use meshpool::istio::rules::Rules;
/// use meshpool::istio::watch::RuleFiles;
///
/// # async fn follow() -> std::io::Result<()> {
/// let rules = Rules::new();
/// let mut watch = RuleFiles::new(["/etc/rules", "/etc/user/rule.yaml"]).follow(&rules)?;
/// // From here on what they say is in force.
/// watch.settled().await;
/// for problem in rules.problems() {
///     eprintln!("{problem}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RuleFiles {
    paths: Vec<PathBuf>,
    timing: Timing,
}

impl RuleFiles {
    /// These files and directories. Each file is a source of its own, named by its path. One that is
    /// not there is waited for, and until it comes a warning in [`Rules::problems`]; with the feature
    /// `tracing` it is logged as well.
    pub fn new<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self {
            paths: paths.into_iter().map(Into::into).collect(),
            timing: Timing::default(),
        }
    }

    /// How long a file must stay the same before it is taken. Default: 100 ms.
    #[must_use]
    pub fn debounce(mut self, debounce: Duration) -> Self {
        self.timing = self.timing.debounce(debounce);
        self
    }

    /// How often the files are looked at even if the system tells of no change. Default: 5 s; at
    /// least 10 ms.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.timing = self.timing.poll_interval(interval);
        self
    }

    /// Follows them from now on, in one thread, until the handle is dropped. It does not block:
    /// they are first read in that thread.
    ///
    /// # Errors
    ///
    /// If no thread can be started. What is the matter with a file is in [`Rules::problems`].
    pub fn follow(self, rules: &Rules) -> io::Result<FilesWatch> {
        let progress = Arc::new(Progress::default());
        let signal = Arc::new(Signal::default());
        let mut feed = Feed::new(rules.clone(), &self.paths, Arc::clone(&progress));
        let (paths, timing, wake) = (Paths::any(self.paths), self.timing, Arc::clone(&signal));
        thread::Builder::new()
            .name("meshpool-rules".to_owned())
            .spawn(move || follow(paths, timing, &mut feed, &wake))?;
        Ok(FilesWatch { progress, signal })
    }
}

/// Files and directories, followed. Made by [`RuleFiles::follow`]; dropping it ends the following,
/// and leaves in force what is.
#[derive(Debug)]
pub struct FilesWatch {
    progress: Arc<Progress>,
    signal: Arc<Signal>,
}

impl FilesWatch {
    /// Waits until what the files say at first is in force.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn settled(&mut self) {
        std::future::poll_fn(|cx| self.poll_settled(cx)).await;
    }

    /// [`settled`](Self::settled) for hand-written futures. Only the last waker is kept.
    pub fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.progress.poll_settled(cx)
    }

    /// How often the files were looked at, changed or not. It grows at least once in a poll
    /// interval, unless the file system hangs.
    pub fn looks(&self) -> u64 {
        self.progress.looks()
    }
}

impl Drop for FilesWatch {
    fn drop(&mut self) {
        // The thread is not waited for: it may be in a slow read.
        self.signal.stop();
    }
}
