//! The operator's part: a rule file that is written, read in another way, and deleted, while the
//! service follows it. Each step ends when it is in force.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use meshpool::istio::{OnFull, RuleFile};
use meshpool::{InboundPool, Limits};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::BoxError;
use crate::follow::follow;

/// How long a change may take. It takes two reads of the file.
const PATIENCE: Duration = Duration::from_secs(30);

/// A rule that is known to be valid.
#[derive(Debug)]
pub(crate) struct RuleText {
    text: Vec<u8>,
    name: PathBuf,
}

impl RuleText {
    /// The rule in this file, or the guide's.
    pub(crate) fn read(path: Option<PathBuf>) -> Result<Self, BoxError> {
        let this = match path {
            Some(name) => Self {
                text: fs::read(&name).map_err(|error| format!("{}: {error}", name.display()))?,
                name,
            },
            None => Self {
                text: include_bytes!("../rule.yaml").to_vec(),
                name: "rule.yaml".into(),
            },
        };
        this.limits(OnFull::Refuse)?;
        Ok(this)
    }

    /// What it comes to.
    fn limits(&self, on_full: OnFull) -> Result<Limits, BoxError> {
        let file = RuleFile::new(&self.name).on_full(on_full);
        Ok(file.parse(&self.text)?.limits())
    }
}

/// A rule file in a directory of its own, and the task that keeps the pool as it says.
#[derive(Debug)]
pub(crate) struct Rule {
    directory: TempDir,
    pool: InboundPool,
    on_full: OnFull,
    follower: JoinHandle<()>,
    /// One for each change that is in force.
    changes: UnboundedReceiver<()>,
}

impl Rule {
    /// Follows a file that is not there yet.
    pub(crate) fn follow(pool: InboundPool, on_full: OnFull) -> io::Result<Self> {
        Self::in_directory(tempfile::tempdir()?, pool, on_full)
    }

    /// Follows the same file, and reads it in another way.
    pub(crate) async fn follow_with(self, on_full: OnFull) -> io::Result<Self> {
        self.follower.abort();
        // It was cancelled, which is no news.
        let _ = self.follower.await;
        Self::in_directory(self.directory, self.pool, on_full)
    }

    fn in_directory(directory: TempDir, pool: InboundPool, on_full: OnFull) -> io::Result<Self> {
        let (told, changes) = unbounded_channel();
        let watch = RuleFile::new(path(&directory)).on_full(on_full).watch()?;
        let follower = tokio::spawn(follow(watch, pool.clone(), move |_| {
            // Nobody listens any more when the guide is over.
            let _ = told.send(());
        }));
        Ok(Self {
            directory,
            pool,
            on_full,
            follower,
            changes,
        })
    }

    /// Waits until it is known that there is no file.
    pub(crate) async fn missing(&mut self) -> Result<(), BoxError> {
        self.in_force(Limits::new()).await
    }

    /// Writes the file, as an editor does: all of it or nothing.
    pub(crate) async fn apply(&mut self, rule: &RuleText) -> Result<(), BoxError> {
        let draft = self.directory.path().join("draft");
        fs::write(&draft, &rule.text)?;
        fs::rename(draft, path(&self.directory))?;
        self.applied(rule).await
    }

    /// Waits until the rule is in force.
    pub(crate) async fn applied(&mut self, rule: &RuleText) -> Result<(), BoxError> {
        self.in_force(rule.limits(self.on_full)?).await
    }

    /// Deletes the file.
    pub(crate) async fn delete(&mut self) -> Result<(), BoxError> {
        fs::remove_file(path(&self.directory))?;
        self.missing().await
    }

    async fn in_force(&mut self, limits: Limits) -> Result<(), BoxError> {
        let in_force = async {
            while self.changes.recv().await.is_some() {
                if self.pool.limits() == limits {
                    return Ok(());
                }
            }
            Err("the rule file is no longer followed")
        };
        let late = "the change of the rule file was not noticed";
        Ok(timeout(PATIENCE, in_force).await.map_err(|_| late)??)
    }
}

fn path(directory: &TempDir) -> PathBuf {
    Path::join(directory.path(), "rule.yaml")
}
