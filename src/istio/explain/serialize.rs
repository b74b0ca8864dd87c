//! The serialized form of an explanation.

use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use super::effective::{Effective, Tree};
use super::{Explanation, Row};
use crate::istio::problem::Problem;
use crate::istio::settings::Value;

impl Serialize for Explanation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("Explanation", 8)?;
        map.serialize_field("subject", &self.subject)?;
        map.serialize_field("valid", &self.valid)?;
        map.serialize_field("problems", &self.problems)?;
        map.serialize_field("enforced", &self.enforced)?;
        map.serialize_field("limits", &self.limits)?;
        map.serialize_field("effective", &self.effective)?;
        map.serialize_field("provenance", &self.provenance)?;
        let idle: Vec<Idle<'_>> = self.without_effect.iter().map(Idle).collect();
        map.serialize_field("without_effect", &idle)?;
        map.end()
    }
}

/// A problem, in the form of what has no effect.
struct Idle<'a>(&'a Problem);

impl Serialize for Idle<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(problem) = self;
        let mut map = serializer.serialize_struct("Idle", 4)?;
        map.serialize_field("path", problem.path())?;
        map.serialize_field("why", problem.message())?;
        map.serialize_field("file", &problem.file().display().to_string())?;
        map.serialize_field("line", &line(problem))?;
        map.end()
    }
}

/// With its severity in small letters, and of its place the line.
impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_struct("Problem", 5)?;
        map.serialize_field("severity", &self.severity().to_string())?;
        map.serialize_field("file", &self.file().display().to_string())?;
        map.serialize_field("line", &line(self))?;
        map.serialize_field("path", self.path())?;
        map.serialize_field("message", self.message())?;
        map.end()
    }
}

fn line(problem: &Problem) -> Option<u32> {
    problem.position().map(|position| position.line)
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = 4 + usize::from(self.why.is_some());
        let mut map = serializer.serialize_struct("Row", fields)?;
        map.serialize_field("field", self.field)?;
        map.serialize_field("value", &self.value)?;
        map.serialize_field("source", &self.source)?;
        map.serialize_field("overrode", &self.overrode)?;
        match self.why {
            Some(why) => map.serialize_field("why", why)?,
            None => map.skip_field("why")?,
        }
        map.end()
    }
}

/// Durations as Go prints them, whole percentages as whole numbers.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Null => serializer.serialize_none(),
            Self::Number(number) => serializer.serialize_u32(number),
            Self::Percent(percent) if percent.fract() == 0.0 => {
                serializer.serialize_i64(percent as i64)
            }
            Self::Percent(percent) => serializer.serialize_f64(percent),
            Self::Duration(duration) => serializer.collect_str(&duration),
            Self::Flag(flag) => serializer.serialize_bool(flag),
            Self::Name(name) => serializer.serialize_str(name),
        }
    }
}

impl Serialize for Effective {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("selected", &self.selected)?;
        let candidates = Some(&self.candidates).filter(|candidates| !candidates.is_empty());
        map.serialize_entry("candidates", &candidates)?;
        if !self.subsets.is_empty() {
            map.serialize_entry("subsets", &self.subsets)?;
        }
        for (name, tree) in &self.values {
            map.serialize_entry(name, tree)?;
        }
        map.end()
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Leaf(value) => value.serialize(serializer),
            Self::Branch(inner) => {
                serializer.collect_map(inner.iter().map(|(name, tree)| (name, tree)))
            }
        }
    }
}
