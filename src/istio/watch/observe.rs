//! One look at the file.

use std::io;
use std::path::Path;

use crate::istio::file::read_regular;

/// What was found. Two that are equal are no change.
#[derive(Debug)]
pub(super) enum Observed {
    Missing,
    Content(Vec<u8>),
    Unreadable(io::Error),
}

impl Observed {
    pub(super) fn of(path: &Path) -> Self {
        match read_regular(path) {
            Ok(bytes) => Self::Content(bytes),
            Err(error) => match error.kind() {
                // A directory on the way that is a file by now holds no rule either.
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
                _ => Self::Unreadable(error),
            },
        }
    }
}

impl PartialEq for Observed {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Missing, Self::Missing) => true,
            (Self::Content(one), Self::Content(other)) => one == other,
            (Self::Unreadable(one), Self::Unreadable(other)) => {
                one.kind() == other.kind() && one.to_string() == other.to_string()
            }
            _ => false,
        }
    }
}
