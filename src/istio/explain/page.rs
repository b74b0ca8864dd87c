//! [`PAGE`]: an explanation for a browser.

use std::fmt;

/// A page that shows an explanation, with bars for what a pool has to do at the moment, and keeps
/// itself up to date. It is HTML in UTF-8, needs nothing from anywhere else, and takes whatever it
/// shows for text.
///
/// Serve it as `text/html` at any path, and beside it, at the same path with `.json` added, the
/// serialized [`Explanation`](super::Explanation) with one more field `pool`, a serialized
/// [`Load`]. The page asks for that twice a second, and less often while nobody looks: so have it
/// [brief](super::Explanation::brief), and made where it keeps no request waiting.
pub const PAGE: &str = include_str!("page.html");

/// What a pool has to do at the moment, for the bars of [`PAGE`].
///
/// ```
/// use meshpool::istio::explain::Load;
///
/// let mut load = Load::default();
/// load.active = 3;
/// load.max_requests = Some(10);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Load {
    /// Requests that are active.
    pub active: u64,
    /// How many may be; `None` is unlimited.
    pub max_requests: Option<u32>,
    /// Requests that wait.
    pub pending: u64,
    /// How many may; `None` is unlimited.
    pub max_pending_requests: Option<u32>,
    /// Requests that were refused since the beginning, or would have been while only observing.
    pub refused: u64,
    /// Requests that were admitted since the beginning, if that is counted.
    pub admitted: Option<u64>,
}

/// In one line: `3 active of 10, 0 pending of 2, 17 refused`.
impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |limit: Option<u32>| match limit {
            Some(limit) => format!("of {limit}"),
            None => "of any number".to_owned(),
        };
        write!(
            f,
            "{} active {}, {} pending {}, {} refused",
            self.active,
            of(self.max_requests),
            self.pending,
            of(self.max_pending_requests),
            self.refused
        )
    }
}
