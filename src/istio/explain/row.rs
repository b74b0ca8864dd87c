//! [`Row`]: one value, with where it is from.

use crate::istio::settings::{Setting, Source, Value};

/// One value, where it is from, and what it overrode, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// Its name: of a limit that of [`Limits`](crate::Limits), of a setting that of Envoy's
    /// configuration.
    pub field: &'static str,
    /// The value. [`Value::Null`] is not set, and of a limit unlimited.
    pub value: Value,
    /// Where it is from: an object's field, and its place in a file; or a default.
    pub source: String,
    /// What else says something of it, and does not hold; the nearest first.
    pub overrode: Vec<String>,
    /// Why it is not simply what the source says, if so.
    pub why: Option<&'static str>,
}

impl Row {
    pub(super) fn new(field: &'static str, value: impl Into<Value>) -> Self {
        Self {
            field,
            value: value.into(),
            source: Source::Default.to_string(),
            overrode: Vec::new(),
            why: None,
        }
    }

    /// The source, unless it is the default.
    pub(super) fn take_source(&mut self) -> Option<String> {
        let default = Source::Default.to_string();
        let source = std::mem::replace(&mut self.source, default);
        (source != self.source).then_some(source)
    }
}

impl From<&Setting<'_>> for Row {
    fn from(setting: &Setting<'_>) -> Self {
        Self {
            field: setting.name(),
            value: setting.value(),
            source: setting.source().to_string(),
            overrode: setting.overrode().iter().map(ToString::to_string).collect(),
            why: None,
        }
    }
}
