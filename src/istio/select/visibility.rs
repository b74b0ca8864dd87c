//! [`Visibility`]: to which namespaces a rule is exported.

/// `exportTo` as a set of texts, not of what they mean: to Istio `.` and the name of the rule's
/// own namespace are two things.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Visibility(Vec<Box<str>>);

const PUBLIC: &str = "*";
const PRIVATE: &str = ".";

impl Visibility {
    pub(super) fn new<'a>(entries: impl IntoIterator<Item = &'a str>) -> Self {
        let mut entries: Vec<Box<str>> = entries.into_iter().map(Into::into).collect();
        entries.sort_unstable();
        entries.dedup();
        Self(entries)
    }

    /// Of a rule with a selector, whatever it says.
    pub(super) fn private() -> Self {
        Self::new([PRIVATE])
    }

    /// The same with `.` for the namespace that it stands for.
    pub(super) fn spelled_out(&self, own: &str) -> Self {
        let entries = self.0.iter().map(|entry| match &**entry {
            PRIVATE => own,
            entry => entry,
        });
        Self::new(entries)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn has(&self, entry: &str) -> bool {
        self.0.binary_search_by(|it| (**it).cmp(entry)).is_ok()
    }

    /// Whether all of `other` is in it.
    pub(super) fn covers(&self, other: &Self) -> bool {
        other.0.len() <= self.0.len() && other.0.iter().all(|entry| self.has(entry))
    }

    /// Whether clients in the rule's own namespace see it, before any other rule.
    pub(super) fn is_local(&self, own: &str) -> bool {
        self.is_empty() || self.has(PUBLIC) || self.has(PRIVATE) || self.has(own)
    }

    /// Whether it is for the rule's own namespace alone.
    pub(super) fn is_private(&self, own: &str, private_by_default: bool) -> bool {
        match &*self.0 {
            [] => private_by_default,
            [only] => **only == *PRIVATE || **only == *own,
            _ => false,
        }
    }

    /// Whether clients of another namespace see it.
    pub(super) fn reaches(&self, client: &str) -> bool {
        self.is_empty() || self.has(PUBLIC) || self.has(client)
    }
}
