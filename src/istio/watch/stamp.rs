//! What tells without reading it that a file is the same.

use std::fs::Metadata;

/// A file's identity, size and times of change.
///
/// A file that is written twice within one tick of the file system's clock has the same stamp
/// after both. So there is none of a file that changed a moment ago: it is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp(imp::Parts);

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Option<Self> {
        imp::parts(metadata).map(Self)
    }
}

#[cfg(unix)]
mod imp {
    use std::fs::Metadata;
    use std::os::unix::fs::MetadataExt;
    use std::time::{Duration, SystemTime};

    /// No file system's clock has longer ticks.
    const LONGEST_TICK: Duration = Duration::from_secs(2);

    pub(super) type Parts = ([u64; 3], [i64; 4]);

    pub(super) fn parts(metadata: &Metadata) -> Option<Parts> {
        let changed = Duration::new(
            u64::try_from(metadata.ctime()).ok()?,
            u32::try_from(metadata.ctime_nsec()).ok()?,
        );
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        if now.ok()?.checked_sub(changed)? <= LONGEST_TICK {
            return None;
        }
        Some((
            [metadata.dev(), metadata.ino(), metadata.size()],
            [
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ],
        ))
    }
}

/// Elsewhere a file's times can be set back, so each look reads it.
#[cfg(not(unix))]
mod imp {
    use std::fs::Metadata;

    pub(super) type Parts = ();

    pub(super) fn parts(_: &Metadata) -> Option<Parts> {
        None
    }
}
