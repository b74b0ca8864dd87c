//! [`Batch`]: several changes that take effect as one.

use crate::istio::decode::Role;
use crate::istio::gate::Gate;

/// Changes of several sources, to be put in force at once by [`Rules::apply`](super::Rules::apply):
/// nobody sees some of them without the others.
///
/// ```
/// use meshpool::istio::rules::{Batch, Rules};
///
/// let rules = Rules::new();
/// let mut batch = Batch::new();
/// batch.remove("users.yaml");
/// batch.put(
///     "user.yaml",
///     "apiVersion: networking.istio.io/v1
/// kind: DestinationRule
/// metadata: {name: user}
/// spec: {host: user}
/// ",
/// );
/// assert!(rules.apply(batch).is_empty(), "nothing was rejected");
/// assert_eq!(rules.revision(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(super) changes: Vec<(String, Action)>,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    Put(Text),
    Remove,
    /// Removed, and known to have been named by somebody who expects it: what that means, in words.
    #[cfg(any(feature = "watch", feature = "kube"))]
    Absent(String),
    Trouble(String),
}

/// What a source says, and how it is read.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    pub(super) role: Role,
    /// That of the rules, if it says none.
    pub(super) gate: Option<Gate>,
}

impl Batch {
    /// No changes.
    pub const fn new() -> Self {
        Self {
            changes: Vec::new(),
        }
    }

    /// What the source says from now on, YAML or JSON with any number of documents.
    pub fn put(&mut self, source: impl Into<String>, text: impl Into<Vec<u8>>) {
        let text = Text {
            bytes: text.into(),
            role: Role::Objects,
            gate: None,
        };
        self.add(source, Action::Put(text));
    }

    /// The same for one thing and behind one gate, whatever the others are read behind.
    #[cfg(feature = "kube")]
    pub(in crate::istio) fn put_as(
        &mut self,
        source: impl Into<String>,
        bytes: Vec<u8>,
        role: Role,
        gate: Gate,
    ) {
        let gate = Some(gate);
        self.add(source, Action::Put(Text { bytes, role, gate }));
    }

    /// The source is gone, with all that it said.
    pub fn remove(&mut self, source: impl Into<String>) {
        self.add(source, Action::Remove);
    }

    /// The same of a source that is still looked for.
    #[cfg(any(feature = "watch", feature = "kube"))]
    pub(in crate::istio) fn absent(&mut self, source: impl Into<String>, why: impl Into<String>) {
        self.add(source, Action::Absent(why.into()));
    }

    /// What the source says cannot be known now, and why. What it said last stays in force.
    pub fn trouble(&mut self, source: impl Into<String>, why: impl Into<String>) {
        self.add(source, Action::Trouble(why.into()));
    }

    /// How many changes there are.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    fn add(&mut self, source: impl Into<String>, action: Action) {
        self.changes.push((source.into(), action));
    }
}
