//! An explanation as text: tables for people.

use std::fmt;

use super::effect::Scope;
use super::{Explanation, Row};
use crate::istio::problem::{Severity, shorten};
use crate::istio::settings::{Settings, Thresholds, Value};

/// For which requests, and which rule applies.
pub(super) fn subject(settings: &Settings<'_>, scope: Scope) -> String {
    let query = settings.query;
    let direction = match query.is_inbound() {
        true => "requests served as",
        false => "requests sent to",
    };
    let rule = match settings.selected() {
        Some(entry) => format!("DestinationRule {entry}"),
        None => "no DestinationRule".to_owned(),
    };
    if scope == Scope::File {
        return match settings.query.is_inbound() {
            true => format!("all requests that are served: {rule}"),
            false => format!("all requests that are sent: {rule}"),
        };
    }
    let mut text = format!("{direction} {}", shorten(query.service().host()));
    if let Some(port) = settings.levels.port {
        text.push_str(&format!(", port {port}"));
    }
    match (&query.subset, settings.subset()) {
        (Some(_), Some(subset)) => text.push_str(&format!(", subset {}", shorten(subset))),
        (Some(asked), None) if !query.is_inbound() => {
            text.push_str(&format!(", subset {} (which there is not)", shorten(asked)));
        }
        _ => {}
    }
    text.push_str(&format!(": {rule}"));
    if let Some(sidecar) = settings.sidecar() {
        text.push_str(&format!(", Sidecar {sidecar}"));
    }
    text
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.subject)?;
        self.fmt_problems(f)?;
        f.write_str(match self.enforced {
            true => "\nEnforced here\n",
            false => "\nObserved here: nothing is refused\n",
        })?;
        table(f, &self.limits, "unlimited")?;
        writeln!(f, "\nAs Istio would configure Envoy")?;
        table(f, &self.provenance, "not set")?;
        if !self.without_effect.is_empty() {
            writeln!(f, "\nWithout effect here")?;
        }
        for idle in &self.without_effect {
            let why = idle.message();
            write!(f, "  {}", idle.path())?;
            write!(f, " ({}", idle.file().display())?;
            if let Some(position) = idle.position() {
                write!(f, ":{position}")?;
            }
            f.write_str(")")?;
            writeln!(f, "\n      {why}")?;
        }
        Ok(())
    }
}

impl Explanation {
    fn fmt_problems(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |severity| {
            let those = self.problems.iter();
            those.filter(move |it| it.severity() == severity)
        };
        if !self.valid {
            f.write_str("\nNot valid: what has an error is left out")?;
            // What stands for more has no file.
            if of(Severity::Error).all(|it| !it.file().as_os_str().is_empty()) {
                write!(f, " ({} in all)", of(Severity::Error).count())?;
            }
            writeln!(f)?;
        } else if of(Severity::Warning).next().is_some() {
            writeln!(f, "\nValid, with warnings")?;
        }
        for problem in &self.problems {
            writeln!(f, "  {problem}")?;
        }
        Ok(())
    }
}

/// Rows in columns as wide as they need to be.
fn table(f: &mut fmt::Formatter<'_>, rows: &[Row], null: &str) -> fmt::Result {
    let cells: Vec<(&str, String, &Row)> = rows
        .iter()
        .map(|row| (row.field, shown(row.value, null), row))
        .collect();
    let widest = |width: fn(&(&str, String, &Row)) -> usize| {
        cells.iter().map(width).max().unwrap_or_default()
    };
    let names = widest(|(name, ..)| name.len());
    let values = widest(|(_, value, _)| value.chars().count());
    for (name, value, row) in &cells {
        writeln!(f, "  {name:names$}  {value:values$}  {}", row.source)?;
        let indent = names + values + 6;
        if let Some(why) = row.why {
            writeln!(f, "{:indent$}since {why}", "")?;
        }
        for overrode in &row.overrode {
            writeln!(f, "{:indent$}not {overrode}", "")?;
        }
    }
    Ok(())
}

fn shown(value: Value, null: &str) -> String {
    match value {
        Value::Null => null.to_owned(),
        Value::Number(Thresholds::UNLIMITED) => "unlimited".to_owned(),
        Value::Percent(percent) => format!("{percent} %"),
        value => value.to_string(),
    }
}
