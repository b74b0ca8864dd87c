//! Paths to files: a file is itself, a directory the files in it.

use std::io;
use std::path::{Path, PathBuf};

use crate::istio::file::read_regular;

/// How many files of a directory are read. A mesh has some thousand rules.
const MOST: usize = 100_000;

/// The files that a path names, in the order of their names: the file itself, or the YAML and JSON
/// files in the directory. Directories in it, and what is hidden (as the bookkeeping of a mounted
/// ConfigMap is), do not count.
pub(in crate::istio) fn files_of(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        if !is_rule_file(&file) || file.is_dir() {
            continue;
        }
        if files.len() == MOST {
            return Err(io::Error::other(format!("it has more than {MOST} files")));
        }
        files.push(file);
    }
    files.sort();
    Ok(files)
}

/// Reads a file, if it is a regular one; at most a little more than may count.
pub(in crate::istio) fn read(file: &Path) -> io::Result<Vec<u8>> {
    read_regular(file)
}

/// Whether a file of this name in a directory is meant to hold rules.
pub(in crate::istio) fn is_rule_file(file: &Path) -> bool {
    let hidden = file
        .file_name()
        .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    let extension = file.extension().and_then(|extension| extension.to_str());
    !hidden && matches!(extension, Some("yaml" | "yml" | "json"))
}
