//! One look at a file, and what is remembered of it.

use std::fs::Metadata;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;

use super::stamp::Stamp;
use crate::istio::file::{open_regular, read_bounded};

/// What was found.
#[derive(Debug)]
pub(super) enum Observed {
    Missing,
    Content(Vec<u8>),
    Unreadable(io::Error),
}

impl Observed {
    pub(super) fn of(path: &Path) -> (Self, Option<Stamp>) {
        Self::read(path).unwrap_or_else(|error| (Self::of_error(error), None))
    }

    fn read(path: &Path) -> io::Result<(Self, Option<Stamp>)> {
        let (file, metadata) = open_regular(path)?;
        let bytes = read_bounded(file, &metadata)?;
        Ok((Self::Content(bytes), Stamp::of(&metadata)))
    }

    fn of_error(error: io::Error) -> Self {
        match error.kind() {
            // A directory on the way that is a file by now holds no rule either.
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            _ => Self::Unreadable(error),
        }
    }
}

/// What is remembered of a file: enough to know whether it is another one by now. Of its content
/// that is a hash, so that thousands of files are not kept in memory. It is keyed at random:
/// nobody makes two files that look the same.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    found: Found,
    stamp: Option<Stamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Missing,
    Content { length: usize, hash: u64 },
    Unreadable(io::ErrorKind, String),
}

impl Seen {
    pub(super) fn new(observed: &Observed, stamp: Option<Stamp>, key: &RandomState) -> Self {
        let found = match observed {
            Observed::Missing => Found::Missing,
            Observed::Content(bytes) => Found::Content {
                length: bytes.len(),
                hash: key.hash_one(bytes),
            },
            Observed::Unreadable(error) => Found::Unreadable(error.kind(), error.to_string()),
        };
        Self { found, stamp }
    }

    /// Whether a file is still this one, as far as can be told without reading it.
    pub(super) fn is_still(&self, metadata: &Metadata) -> bool {
        self.stamp.is_some() && self.stamp == Stamp::of(metadata)
    }

    /// The length of its content.
    pub(super) fn length(&self) -> usize {
        match self.found {
            Found::Content { length, .. } => length,
            _ => 0,
        }
    }
}

/// Two that are equal are no change.
impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        self.found == other.found
    }
}
