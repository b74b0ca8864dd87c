//! Which files there are to look at.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{self, Path, PathBuf};

use crate::istio::rule_set::is_rule_file;

/// How many files are followed at most. Who has more than that has named the wrong directory.
const MOST_FILES: usize = 20_000;

/// What is followed, as it was named.
#[derive(Debug)]
pub(super) struct Paths(Vec<Given>);

#[derive(Debug)]
struct Given {
    path: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It is a file. A directory in its place is a mistake.
    File,
    /// It may be either, and was no directory when it was looked at last.
    Either,
    /// It was a directory.
    Directory,
}

/// What the paths come to at one instant.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Each file, there or not, and whether more than its directory is to be watched for it.
    files: BTreeMap<PathBuf, bool>,
    /// Where they are, whichever way they were named.
    absolute: HashSet<PathBuf>,
    directories: BTreeSet<PathBuf>,
    /// Directories that cannot tell which files they hold, and why.
    troubles: BTreeMap<PathBuf, io::Error>,
}

impl Paths {
    /// One path, of a file.
    pub(super) fn file(path: PathBuf) -> Self {
        let kind = Kind::File;
        Self(vec![Given { path, kind }])
    }

    /// Paths of files or directories.
    pub(super) fn any(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let kind = Kind::Either;
        Self(paths.into_iter().map(|path| Given { path, kind }).collect())
    }

    /// What is there now.
    pub(super) fn list(&mut self) -> Listing {
        let mut listing = Listing::default();
        for Given { path, kind } in &mut self.0 {
            if *kind == Kind::File {
                listing.file(path);
                continue;
            }
            match fs::metadata(&*path) {
                Ok(metadata) if metadata.is_dir() => {
                    *kind = Kind::Directory;
                    listing.directory(path);
                }
                // What is wrong with it was never anything else's trouble.
                Err(error) if *kind == Kind::Directory => listing.trouble(path, gone(error)),
                _ => {
                    *kind = Kind::Either;
                    listing.file(path);
                }
            }
        }
        listing
    }
}

impl Listing {
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    pub(super) fn take_troubles(&mut self) -> impl Iterator<Item = (PathBuf, io::Error)> + use<> {
        std::mem::take(&mut self.troubles).into_iter()
    }

    /// Whether the file is in a directory that cannot tell whether it is.
    pub(super) fn is_in_doubt(&self, file: &Path) -> bool {
        let directory = file.parent();
        directory.is_some_and(|directory| self.troubles.contains_key(directory))
    }

    /// What may lead elsewhere, or come into being elsewhere.
    pub(super) fn places(&self) -> impl Iterator<Item = &Path> {
        let files = self.files.iter().filter(|(_, far)| **far);
        let files = files.map(|(path, _)| path.as_path());
        files
            .chain(self.directories())
            .chain(self.troubles.keys().map(PathBuf::as_path))
    }

    /// The directories whose files are followed.
    pub(super) fn directories(&self) -> impl Iterator<Item = &Path> {
        self.directories.iter().map(PathBuf::as_path)
    }

    /// Whether the path is one of those.
    pub(super) fn is_directory(&self, path: &Path) -> bool {
        self.directories.contains(path)
    }

    fn directory(&mut self, path: &Path) {
        match rule_files(path, MOST_FILES.saturating_sub(self.files.len())) {
            Ok(files) => {
                let directory = absolute(path);
                for (file, far) in files {
                    let absolute = directory.join(file.file_name().unwrap_or_default());
                    self.add(file, absolute, far);
                }
                self.directories.insert(path.to_owned());
            }
            Err(error) => self.trouble(path, error),
        }
    }

    fn file(&mut self, path: &Path) {
        self.add(path.to_owned(), absolute(path), true);
    }

    /// Adds a file, unless it is there under another name.
    fn add(&mut self, file: PathBuf, absolute: PathBuf, far: bool) {
        if self.absolute.insert(absolute) {
            self.files.insert(file, far);
        } else if let Some(known) = self.files.get_mut(&file) {
            *known |= far;
        }
    }

    fn trouble(&mut self, path: &Path, error: io::Error) {
        self.troubles.insert(path.to_owned(), error);
    }
}

/// The files of a directory that count, and which of them are links.
fn rule_files(directory: &Path, most: usize) -> io::Result<BTreeMap<PathBuf, bool>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let file = entry.path();
        if !is_rule_file(&file) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() || kind.is_symlink() && file.is_dir() {
            continue;
        }
        if files.len() == most {
            return Err(io::Error::other(format!(
                "with it there are more than {MOST_FILES} rule files"
            )));
        }
        files.insert(file, kind.is_symlink());
    }
    Ok(files)
}

/// One name for a path, however it was named; links are not followed.
fn absolute(path: &Path) -> PathBuf {
    path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn gone(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            io::Error::new(error.kind(), "the directory is gone")
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_too_many_files_says_so() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a.yaml", "b.yaml", "c.txt"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        assert_eq!(rule_files(directory.path(), 2).unwrap().len(), 2);
        let error = rule_files(directory.path(), 1).unwrap_err();
        assert!(error.to_string().contains("more than 20000"), "{error}");
    }
}
