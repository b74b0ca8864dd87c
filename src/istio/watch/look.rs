//! One look at all that is followed, against what was told before.

use std::collections::BTreeMap;
use std::fs;
use std::hash::RandomState;
use std::path::{Path, PathBuf};

use super::listing::Paths;
use super::observe::{Observed, Seen};
use crate::istio::rule_set::{MOST_BYTES, too_much};

/// What was told of each file.
#[derive(Debug, Default)]
pub(super) struct Known {
    files: BTreeMap<PathBuf, Seen>,
    /// Whether anything was told at all.
    started: bool,
    key: RandomState,
}

/// What a look found.
#[derive(Debug)]
pub(super) struct Look {
    files: BTreeMap<PathBuf, Seen>,
    /// What is not as it was told; nothing, where a path is not looked at any more.
    changed: BTreeMap<PathBuf, Option<Observed>>,
    /// Whether it is to be told even if nothing has changed.
    is_first: bool,
}

/// What is to be told.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// What is found now where something was looked for.
    pub(super) found: Vec<(PathBuf, Observed)>,
    /// What is not looked for any more: files that their directory does not hold, and what was
    /// named, and turns out to be a directory.
    pub(super) left_out: Vec<PathBuf>,
}

impl Known {
    pub(super) fn is_started(&self) -> bool {
        self.started
    }

    pub(super) fn look(&self, paths: &mut Paths) -> Look {
        let mut look = Look {
            files: BTreeMap::new(),
            changed: BTreeMap::new(),
            is_first: !self.started,
        };
        let mut listing = paths.list();
        let mut room = MOST_BYTES;
        for path in listing.files() {
            match self.unchanged(path) {
                Some(seen) => {
                    room = room.saturating_sub(seen.length());
                    look.files.insert(path.to_owned(), seen.clone());
                }
                None => self.read(path, &mut room, &mut look),
            }
        }
        for (path, seen) in &self.files {
            if listing.is_in_doubt(path) && !look.files.contains_key(path) {
                look.files.insert(path.clone(), seen.clone());
            }
        }
        for (path, error) in listing.take_troubles() {
            let observed = Observed::Unreadable(error);
            let seen = Seen::new(&observed, None, &self.key);
            self.found(path, observed, seen, &mut look);
        }
        for path in self.files.keys() {
            if look.files.contains_key(path) {
                continue;
            }
            if path.is_dir() && !listing.is_directory(path) {
                // Where a file was: more likely a mistake than a decision.
                self.read(path, &mut room, &mut look);
            } else {
                look.changed.insert(path.clone(), None);
            }
        }
        look
    }

    /// What was told of the file, if it is surely the same.
    fn unchanged(&self, path: &Path) -> Option<&Seen> {
        let seen = self.files.get(path)?;
        let metadata = fs::metadata(path).ok()?;
        seen.is_still(&metadata).then_some(seen)
    }

    fn read(&self, path: &Path, room: &mut usize, look: &mut Look) {
        let (mut observed, stamp) = Observed::of(path);
        if let Observed::Content(bytes) = &observed {
            match room.checked_sub(bytes.len()) {
                Some(rest) => *room = rest,
                None => observed = Observed::Unreadable(too_much()),
            }
        }
        let seen = Seen::new(&observed, stamp, &self.key);
        self.found(path.to_owned(), observed, seen, look);
    }

    fn found(&self, path: PathBuf, observed: Observed, seen: Seen, look: &mut Look) {
        if self.files.get(&path) != Some(&seen) {
            look.changed.insert(path.clone(), Some(observed));
        }
        look.files.insert(path, seen);
    }

    /// Takes a look for what is known now, and returns what is to be told.
    pub(super) fn take(&mut self, look: Look) -> Changes {
        self.started = true;
        self.files = look.files;
        let mut changes = Changes::default();
        for (path, observed) in look.changed {
            match observed {
                Some(observed) => changes.found.push((path, observed)),
                None => changes.left_out.push(path),
            }
        }
        changes
    }
}

impl Look {
    /// Whether it found what was told before.
    pub(super) fn is_same(&self) -> bool {
        self.changed.is_empty() && !self.is_first
    }

    /// Whether another look found the same.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.changed.len() == other.changed.len()
            && self.changed.keys().all(|path| self.agrees_on(other, path))
    }

    fn agrees_on(&self, other: &Self, path: &Path) -> bool {
        other.changed.contains_key(path) && self.files.get(path) == other.files.get(path)
    }

    /// Leaves out what another look found otherwise: that is as it was told, for now.
    pub(super) fn settled(mut self, other: &Self, known: &Known) -> Self {
        let restless: Vec<_> = self
            .changed
            .keys()
            .filter(|path| !self.agrees_on(other, path))
            .cloned()
            .collect();
        for path in restless {
            self.changed.remove(&path);
            match known.files.get(&path) {
                Some(seen) => self.files.insert(path, seen.clone()),
                None => self.files.remove(&path),
            };
        }
        self
    }
}
