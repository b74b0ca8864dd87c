//! Paths to files: a file is itself, a directory the files in it.

use std::collections::HashSet;
use std::io;
use std::path::{self, Path, PathBuf};

use crate::istio::file::read_regular;

/// How many files of a directory are read. A mesh has some thousand rules.
const MOST: usize = 100_000;

/// How many bytes the files of a set, or those that are followed, may have together.
pub(in crate::istio) const MOST_BYTES: usize = 64 << 20;

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

/// Reads files, of which only so much may be.
#[derive(Debug)]
pub(super) struct Reader {
    /// How many bytes more there may be.
    room: usize,
    /// Where what was read is, by whatever name.
    known: HashSet<PathBuf>,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self {
            room: MOST_BYTES,
            known: HashSet::new(),
        }
    }

    /// Whether the file was not asked for before, by the same name or another. Links are not
    /// followed.
    pub(super) fn is_new(&mut self, file: &Path) -> bool {
        let absolute = path::absolute(file);
        self.known
            .insert(absolute.unwrap_or_else(|_| file.to_owned()))
    }

    /// Reads a file, if it is a regular one; at most a little more than may count.
    pub(super) fn read(&mut self, file: &Path) -> io::Result<Vec<u8>> {
        let content = read_regular(file)?;
        self.take(content.len())?;
        Ok(content)
    }

    fn take(&mut self, bytes: usize) -> io::Result<()> {
        let rest = self.room.checked_sub(bytes);
        self.room = rest.ok_or_else(too_much)?;
        Ok(())
    }
}

/// There is no room for a file.
pub(in crate::istio) fn too_much() -> io::Error {
    io::Error::other(format!(
        "the files together are larger than {MOST_BYTES} bytes"
    ))
}

/// Whether a file of this name in a directory is meant to hold rules.
pub(in crate::istio) fn is_rule_file(file: &Path) -> bool {
    let hidden = file
        .file_name()
        .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    let extension = file.extension().and_then(|extension| extension.to_str());
    !hidden && matches!(extension, Some("yaml" | "yml" | "json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_together_is_an_error_and_takes_no_room() {
        let mut reader = Reader::new();
        reader.take(MOST_BYTES - 1).unwrap();
        let error = reader.take(2).unwrap_err();
        assert!(error.to_string().contains("larger than 67108864 bytes"));
        reader.take(1).unwrap();
        assert!(reader.take(1).is_err());
        reader.take(0).unwrap();
    }
}
