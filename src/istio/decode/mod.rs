//! Bytes to typed rules.
//!
//! What lives here knows the schema: which fields there are and of which type. It reports what
//! does not fit and goes on, so that one pass finds everything. Whether values make sense is
//! `validate`'s question, what they mean is `translate`'s.

mod duration;
mod fields;
mod nearest;
mod pool;
mod rule;
mod value;

use self::nearest::nearest;
use self::rule::destination_rule;
use self::value::{Value, string};
use super::path::Path;
use super::problem::{Position, Report, shorten};
use super::rule::DestinationRule;
use super::yaml::{Document, Documents, Entry, Kind, MAX_BYTES, Scalar};

const GROUP: &str = "networking.istio.io";
const VERSIONS: [&str; 3] = ["v1", "v1beta1", "v1alpha3"];
const DESTINATION_RULE: &str = "DestinationRule";

/// Decodes every `DestinationRule` in a file. Objects of other kinds are skipped.
pub(super) fn decode(bytes: &[u8], report: &mut Report) -> Vec<DestinationRule> {
    let mut rules = Vec::new();
    if bytes.len() > MAX_BYTES {
        report.file_error(format_args!(
            "larger than {MAX_BYTES} bytes (1 MiB): a rule file has at most as many"
        ));
        return rules;
    }
    let Some(text) = utf8(bytes, report) else {
        return rules;
    };
    for document in Documents::new(text) {
        match document {
            Ok(document) => {
                let root = Value {
                    document: &document,
                    id: document.root(),
                    path: &Path::Root,
                };
                if object(root, report, &mut rules) {
                    duplicates(&document, report);
                }
            }
            Err(error) => report.error(error.at, &Path::Root, error.message),
        }
    }
    rules
}

/// The text without its byte order mark.
fn utf8<'a>(bytes: &'a [u8], report: &mut Report) -> Option<&'a str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            let line_start = before
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            let column = 1 + String::from_utf8_lossy(&before[line_start..])
                .chars()
                .count();
            report.error(
                Position::new(line as u32, column as u32),
                &Path::Root,
                format_args!(
                    "not UTF-8: the byte 0x{:02x} cannot stand here; save the file as UTF-8",
                    bytes[error.valid_up_to()]
                ),
            );
            None
        }
    }
}

/// Decodes one object, or those of a list. Returns whether it was any of ours.
fn object(value: Value<'_>, report: &mut Report, rules: &mut Vec<DestinationRule>) -> bool {
    let entries = match value.kind() {
        Kind::Mapping(entries) => entries,
        Kind::Scalar(Scalar::Null, _) => return false,
        _ => {
            value.error(
                report,
                format_args!("expected a Kubernetes object, found {value}"),
            );
            return true;
        }
    };
    let Some(kind) = text(value, entries, "kind", report) else {
        return true;
    };
    if kind == "List" || kind == "DestinationRuleList" {
        return items(value, entries, report, rules);
    }
    if kind != DESTINATION_RULE {
        return misspelt(value, &kind, entries, report);
    }
    let Some(api_version) = text(value, entries, "apiVersion", report) else {
        return true;
    };
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    if group != GROUP {
        return false;
    }
    if VERSIONS.contains(&version) {
        rules.extend(destination_rule(value, report));
    } else {
        let at = find(entries, "apiVersion").map(|entry| value.document.node(entry.value).at);
        report.error(
            at.unwrap_or(value.at()),
            &value.path.field("apiVersion"),
            format_args!(
                "`{}` is no version of {GROUP}: expected {GROUP}/v1, {GROUP}/v1beta1 or \
                 {GROUP}/v1alpha3",
                shorten(&api_version)
            ),
        );
    }
    true
}

/// Unfolds a list. Returns whether anything in it was ours.
fn items(
    value: Value<'_>,
    entries: &[Entry],
    report: &mut Report,
    rules: &mut Vec<DestinationRule>,
) -> bool {
    let Some(entry) = find(entries, "items") else {
        return false;
    };
    let items_path = value.path.field("items");
    let items = Value {
        document: value.document,
        id: entry.value,
        path: &items_path,
    };
    match items.kind() {
        Kind::Sequence(ids) => {
            let mut ours = false;
            for (index, &id) in ids.iter().enumerate() {
                let path = items_path.item(index);
                let item = Value {
                    document: value.document,
                    id,
                    path: &path,
                };
                ours |= object(item, report, rules);
            }
            ours
        }
        Kind::Scalar(Scalar::Null, _) => false,
        _ => {
            items.error(report, format_args!("expected a list, found {items}"));
            true
        }
    }
}

/// A kind that is nearly ours is a slip, not somebody else's object. Returns whether it is one.
fn misspelt(value: Value<'_>, kind: &str, entries: &[Entry], report: &mut Report) -> bool {
    let Some(entry) = find(entries, "apiVersion") else {
        return false;
    };
    let Kind::Scalar(Scalar::String, version) = &value.document.node(entry.value).kind else {
        return false;
    };
    if version.split('/').next() != Some(GROUP) || nearest(kind, &[DESTINATION_RULE]).is_none() {
        return false;
    }
    value.error(
        report,
        format_args!(
            "unknown kind `{}`, did you mean `{DESTINATION_RULE}`?",
            shorten(kind)
        ),
    );
    true
}

/// A field that every object has.
fn text(
    value: Value<'_>,
    entries: &[Entry],
    name: &'static str,
    report: &mut Report,
) -> Option<String> {
    let path = value.path.field(name);
    match find(entries, name) {
        Some(entry) => {
            let field = Value {
                document: value.document,
                id: entry.value,
                path: &path,
            };
            string(field, report).map(|text| text.value)
        }
        None => {
            report.error(
                value.at(),
                &path,
                "missing: a Kubernetes object has apiVersion, kind, metadata and spec",
            );
            None
        }
    }
}

fn find<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| *entry.key == *name)
}

fn duplicates(document: &Document, report: &mut Report) {
    for duplicate in document.duplicates() {
        report.error(duplicate.at, &Path::Given(&duplicate.path), duplicate);
    }
}
