//! The order of objects: older ones first, and where that is not known, by name.

use crate::istio::resource::{Meta, Timestamp};

/// What objects are sorted by. One without a time counts as older than any with one, as in Go,
/// where no time is year 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::istio) struct Age<'a> {
    created: Option<Timestamp>,
    name: &'a str,
    namespace: &'a str,
}

impl<'a> Age<'a> {
    pub(in crate::istio) fn of(meta: &'a Meta) -> Self {
        Self {
            created: meta.creation_timestamp.as_ref().map(|time| time.value),
            name: meta.name(),
            namespace: meta.namespace(),
        }
    }
}
