//! How it stands with a source.

use super::sources::Source;
use crate::istio::Rejected;

/// How it stands with one source of [`Rules`](super::Rules).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceStatus {
    /// Its name: the path of a file, say, or `kube:DestinationRule/NAMESPACE/NAME`.
    pub name: String,
    /// Whether anything that it said is in force: now, or when it was right last. It is not of a
    /// file that is looked for and not there, either.
    pub in_force: bool,
    /// Why what it says now is not in force, if so.
    pub rejected: Option<Rejected>,
}

impl From<(&str, &Source)> for SourceStatus {
    fn from((name, source): (&str, &Source)) -> Self {
        Self {
            name: name.to_owned(),
            in_force: source.good.is_some(),
            rejected: source.rejected.clone(),
        }
    }
}
