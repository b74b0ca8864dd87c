//! The fields of a mapping, by name. Asking for a field is what makes it known: what nobody asked
//! for is an error in the end, or to istiod a warning, with the nearest of the names that were.

use super::nearest::nearest;
use super::value::Value;
use crate::istio::gate::Gate;
use crate::istio::problem::{Report, Severity, shorten};
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
        let entry = self.find(name, report)?;
        let path = self.value.path.field(name);
        let value = self.value.child(entry.value, &path);
        if value.is_null() {
            None
        } else {
            decode(value, report)
        }
    }

    /// The field of this name. To istiod it may have its name in the proto; if it stands there
    /// under both, this one counts.
    fn find(&self, name: &'static str, report: &mut Report) -> Option<&'a Entry> {
        let named = self.entries.iter().find(|entry| *entry.key == *name);
        if self.value.gate != Gate::Istiod {
            return named;
        }
        let other = self
            .entries
            .iter()
            .find(|entry| *entry.key != *name && is_proto_name(&entry.key, name));
        if let (Some(_), Some(other)) = (named, other) {
            report.warning(
                other.at,
                &self.value.path.field(&other.key),
                format_args!("without effect: `{name}` stands here, too, and counts"),
            );
        }
        named.or(other)
    }

    fn is_known(&self, key: &str) -> bool {
        self.known.iter().any(|name| {
            *key == **name || self.value.gate == Gate::Istiod && is_proto_name(key, name)
        })
    }

    /// Decodes the fields that nobody asked for, null ones left out.
    pub(super) fn rest<T>(
        &self,
        report: &mut Report,
        decode: impl Fn(Value<'_>, &mut Report) -> Option<T>,
    ) -> Vec<(Spanned<String>, T)> {
        let mut rest = Vec::new();
        for entry in self
            .entries
            .iter()
            .filter(|entry| !self.is_known(&entry.key))
        {
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

    /// Reports the fields that nobody asked for: errors, or to istiod warnings.
    pub(super) fn close(self, report: &mut Report) {
        self.report_unknown(self.severity(), |_| true, report);
    }

    /// The same for an object itself, of which istiod accepts no others either.
    pub(super) fn close_object(self, report: &mut Report) {
        self.report_unknown(Severity::Error, |_| true, report);
    }

    /// The same where others than those asked for are allowed: reports what is nearly one of
    /// those asked for, unless it is one of `others`.
    pub(super) fn close_open(self, others: &[&str], report: &mut Report) {
        let is_slip = |key: &str| {
            let is_other = |name: &&str| *key == **name || is_proto_name(key, name);
            !others.iter().any(is_other) && nearest(key, &self.known).is_some()
        };
        self.report_unknown(self.severity(), is_slip, report);
    }

    fn severity(&self) -> Severity {
        match self.value.gate {
            Gate::Strict => Severity::Error,
            Gate::Istiod => Severity::Warning,
        }
    }

    fn report_unknown(
        &self,
        severity: Severity,
        counts: impl Fn(&str) -> bool,
        report: &mut Report,
    ) {
        let ignored = match severity {
            Severity::Error => "",
            Severity::Warning | Severity::Notice => ", ignored",
        };
        for entry in self.entries {
            if self.is_known(&entry.key) || !counts(&entry.key) {
                continue;
            }
            let suggestion = if report.is_full(severity) {
                None
            } else {
                nearest(&entry.key, &self.known)
            };
            let hint = match suggestion {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("known here: {}", self.known.join(", ")),
            };
            report.add(
                severity,
                Some(entry.at),
                &self.value.path.field(&entry.key),
                format_args!("unknown field `{}`{ignored}, {hint}", shorten(&entry.key)),
            );
        }
    }
}

/// Whether a key is the name that a field has in the proto: `max_connections` for
/// `maxConnections`.
fn is_proto_name(key: &str, name: &str) -> bool {
    // The one name that does not follow from the other.
    if name == "consecutive5xxErrors" {
        return key == "consecutive_5xx_errors";
    }
    let mut rest = key.chars();
    name.chars().all(|c| {
        if c.is_ascii_uppercase() && rest.next() != Some('_') {
            return false;
        }
        rest.next() == Some(c.to_ascii_lowercase())
    }) && rest.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::is_proto_name;

    #[test]
    fn names_of_the_proto_are_those_with_underscores() {
        for (key, name) in [
            ("max_connections", "maxConnections"),
            ("http1_max_pending_requests", "http1MaxPendingRequests"),
            ("h2_upgrade_policy", "h2UpgradePolicy"),
            ("http2_keep_alive", "http2KeepAlive"),
            ("consecutive_5xx_errors", "consecutive5xxErrors"),
            ("tcp", "tcp"),
        ] {
            assert!(is_proto_name(key, name), "{key}");
        }
        for (key, name) in [
            ("maxConnections", "maxConnections"),
            ("max_Connections", "maxConnections"),
            ("max_connection", "maxConnections"),
            ("max_connections_", "maxConnections"),
            ("http_1_max_pending_requests", "http1MaxPendingRequests"),
            ("consecutive5xx_errors", "consecutive5xxErrors"),
        ] {
            assert!(!is_proto_name(key, name), "{key}");
        }
    }
}
