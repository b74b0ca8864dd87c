//! The fields of a mapping, by name. Asking for a field is what makes it known: what nobody asked
//! for is an error in the end, with the nearest of the names that were.

use super::nearest::nearest;
use super::value::Value;
use crate::istio::problem::{Report, shorten};
use crate::istio::resource::Spanned;
use crate::istio::yaml::{Entry, Kind};

#[derive(Debug)]
pub(super) struct Fields<'a> {
    value: Value<'a>,
    entries: &'a [Entry],
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Opens a mapping; anything else is reported.
    pub(super) fn open(value: Value<'a>, report: &mut Report) -> Option<Self> {
        let Kind::Mapping(entries) = value.kind() else {
            value.error(report, format_args!("expected a mapping, found {value}"));
            return None;
        };
        Some(Self {
            value,
            entries,
            known: Vec::new(),
        })
    }

    /// Decodes a field, if it is there. Null is as good as absent.
    pub(super) fn get<T>(
        &mut self,
        name: &'static str,
        report: &mut Report,
        decode: impl FnOnce(Value<'_>, &mut Report) -> Option<T>,
    ) -> Option<T> {
        self.known.push(name);
        let entry = self.entries.iter().find(|entry| *entry.key == *name)?;
        let path = self.value.path.field(name);
        let value = self.value.child(entry.value, &path);
        if value.is_null() {
            None
        } else {
            decode(value, report)
        }
    }

    /// Decodes the fields that nobody asked for, null ones left out.
    pub(super) fn rest<T>(
        self,
        report: &mut Report,
        decode: impl Fn(Value<'_>, &mut Report) -> Option<T>,
    ) -> Vec<(Spanned<String>, T)> {
        let mut rest = Vec::new();
        for entry in self.entries {
            if self.known.contains(&&*entry.key) {
                continue;
            }
            let path = self.value.path.field(&entry.key);
            let value = self.value.child(entry.value, &path);
            if value.is_null() {
                continue;
            }
            let key = Spanned {
                value: entry.key.to_string(),
                at: entry.at,
            };
            rest.extend(decode(value, report).map(|value| (key, value)));
        }
        rest
    }

    /// Reports the fields that nobody asked for.
    pub(super) fn close(self, report: &mut Report) {
        for entry in self.entries {
            if self.known.contains(&&*entry.key) {
                continue;
            }
            let path = self.value.path.field(&entry.key);
            let suggestion = if report.is_full() {
                None
            } else {
                nearest(&entry.key, &self.known)
            };
            match suggestion {
                Some(name) => report.error(
                    entry.at,
                    &path,
                    format_args!(
                        "unknown field `{}`, did you mean `{name}`?",
                        shorten(&entry.key)
                    ),
                ),
                None => report.error(
                    entry.at,
                    &path,
                    format_args!(
                        "unknown field `{}`, known here: {}",
                        shorten(&entry.key),
                        self.known.join(", ")
                    ),
                ),
            }
        }
    }
}
