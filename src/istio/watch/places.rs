//! Which directories to watch, and the system's watches on them.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::listing::Listing;
use super::signal::Signal;

/// How many symbolic links are followed, as in the kernel.
const MOST_LINKS: usize = 40;

/// A directory's identity: under the same name there may be another one by now.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = ();

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {}

/// The watches for all that is followed.
#[derive(Debug)]
pub(super) struct Places {
    /// `None` where the system has no watches left: then the files are only polled.
    watcher: Option<RecommendedWatcher>,
    watched: BTreeMap<PathBuf, Identity>,
}

impl Places {
    pub(super) fn new(signal: &Arc<Signal>) -> Self {
        let signal = Arc::clone(signal);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // An error may mean lost events.
            let kind = event.map_or(EventKind::Any, |event| event.kind);
            if matters(kind) {
                signal.touch(moves(kind));
            }
        });
        Self {
            watcher: watcher.ok(),
            watched: BTreeMap::new(),
        }
    }

    /// Watches the directories that matter now, and no others. `again`: also those that seem to
    /// be watched already.
    pub(super) fn refresh(&mut self, listing: &Listing, again: bool) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let mut wanted = BTreeMap::new();
        for path in listing.places() {
            wanted.extend(directories(path));
        }
        wanted.extend(listing.directories().filter_map(identified));
        self.watched.retain(|directory, identity| {
            let keep = !again && wanted.get(directory) == Some(identity);
            if !keep {
                // It is gone with its directory, at times.
                drop(watcher.unwatch(directory));
            }
            keep
        });
        for (directory, identity) in wanted {
            if !self.watched.contains_key(&directory)
                && watcher
                    .watch(&directory, RecursiveMode::NonRecursive)
                    .is_ok()
            {
                self.watched.insert(directory, identity);
            }
        }
    }
}

/// Whether an event can mean that a file changed. Reading does not, and must not: our own reads
/// would wake us for ever.
fn matters(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

/// Whether a directory may have become another one.
fn moves(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Any | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
    )
}

/// A directory as it is now.
fn identified(path: &Path) -> Option<(PathBuf, Identity)> {
    let real = path.canonicalize().ok()?;
    let metadata = real.metadata().ok()?;
    metadata.is_dir().then(|| (real, identity(&metadata)))
}

/// The directory of the path, or the nearest that exists above it; and where the path is a link,
/// the same for its target.
fn directories(path: &Path) -> BTreeMap<PathBuf, Identity> {
    let mut found = BTreeMap::new();
    let mut path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for _ in 0..MOST_LINKS {
        found.extend(path.ancestors().skip(1).find_map(identified));
        let (Ok(target), Some(parent)) = (path.read_link(), path.parent()) else {
            break;
        };
        path = parent.join(target);
    }
    found
}
