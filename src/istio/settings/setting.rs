//! [`Setting`]: one value, with where it is from.

use std::fmt;

use super::Source;
use crate::istio::resource::GoDuration;

/// One value that applies, where it is from, and what it overrode.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    pub(super) name: &'static str,
    pub(super) value: Value,
    pub(super) source: Source<'a>,
    pub(super) overrode: Vec<Source<'a>>,
}

impl<'a> Setting<'a> {
    /// Its name in Envoy's terms, such as `thresholds.max_requests`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The value.
    pub fn value(&self) -> Value {
        self.value
    }

    /// Where it is from.
    pub fn source(&self) -> Source<'a> {
        self.source
    }

    /// What else says something of it, and does not hold: that of the nearest level first.
    pub fn overrode(&self) -> &[Source<'a>] {
        &self.overrode
    }
}

/// The value of a setting. Printed, it is as in Envoy's configuration, durations as in Go.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Not set: what is not said here is up to Envoy.
    Null,
    /// A number; of thresholds, 4294967295 is unlimited.
    Number(u32),
    /// A percentage.
    Percent(f64),
    /// A duration.
    Duration(GoDuration),
    /// Yes or no.
    Flag(bool),
    /// A name.
    Name(&'static str),
}

/// A percentage is a number.
impl Eq for Value {}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Number(number) => number.fmt(f),
            Self::Percent(percent) => percent.fmt(f),
            Self::Duration(duration) => duration.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl From<f64> for Value {
    fn from(percent: f64) -> Self {
        Self::Percent(percent)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<GoDuration> for Value {
    fn from(duration: GoDuration) -> Self {
        Self::Duration(duration)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
