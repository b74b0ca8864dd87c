//! A node with its document and its path: what decoders are given, and the plain types.

use std::fmt;

use crate::istio::path::Path;
use crate::istio::problem::{Position, Report, shorten};
use crate::istio::resource::{Labels, Opaque, Spanned, Timestamp, Tree};
use crate::istio::yaml::{Document, Kind, NodeId, Scalar};

/// A node in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    pub(super) document: &'a Document,
    pub(super) id: NodeId,
    pub(super) path: &'a Path<'a>,
}

impl<'a> Value<'a> {
    /// A node of the same document.
    pub(super) fn child<'b>(&self, id: NodeId, path: &'b Path<'b>) -> Value<'b>
    where
        'a: 'b,
    {
        Value {
            document: self.document,
            id,
            path,
        }
    }

    pub(super) fn at(&self) -> Position {
        self.document.node(self.id).at
    }

    pub(super) fn kind(&self) -> &'a Kind {
        &self.document.node(self.id).kind
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.kind(), Kind::Scalar(Scalar::Null, _))
    }

    pub(super) fn error(&self, report: &mut Report, message: impl fmt::Display) {
        report.error(self.at(), self.path, message);
    }

    fn mismatch(&self, report: &mut Report, wanted: &str) {
        self.error(report, format_args!("expected {wanted}, found {self}"));
    }

    pub(super) fn spanned<T>(&self, value: T) -> Spanned<T> {
        Spanned {
            value,
            at: self.at(),
        }
    }
}

/// What was found, in words: ``the string `abc` ``.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Kind::Scalar(Scalar::Null, _) => f.write_str("null"),
            Kind::Scalar(Scalar::Bool(value), text) if *text.as_ref() != *value.to_string() => {
                write!(f, "the boolean {value} (written `{}`)", shorten(text))
            }
            Kind::Scalar(Scalar::Bool(value), _) => write!(f, "the boolean {value}"),
            Kind::Scalar(Scalar::Int(_) | Scalar::Float(_), text) => {
                write!(f, "the number `{}`", shorten(text))
            }
            Kind::Scalar(Scalar::String, text) => write!(f, "the string `{}`", shorten(text)),
            Kind::Sequence(_) => f.write_str("a list"),
            Kind::Mapping(_) => f.write_str("a mapping"),
        }
    }
}

pub(super) fn string(value: Value<'_>, report: &mut Report) -> Option<Spanned<String>> {
    match value.kind() {
        Kind::Scalar(Scalar::String, text) => Some(value.spanned(text.to_string())),
        Kind::Scalar(Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_), _) => {
            value.mismatch(report, "a string (put it in quotes)");
            None
        }
        _ => {
            value.mismatch(report, "a string");
            None
        }
    }
}

pub(super) fn boolean(value: Value<'_>, report: &mut Report) -> Option<Spanned<bool>> {
    if let Kind::Scalar(Scalar::Bool(flag), _) = value.kind() {
        return Some(value.spanned(*flag));
    }
    value.mismatch(report, "true or false");
    None
}

pub(super) fn int32(value: Value<'_>, report: &mut Report) -> Option<Spanned<i32>> {
    let number = integer(value, report)?;
    let small = i32::try_from(number).ok();
    if small.is_none() {
        value.mismatch(report, "an integer of at most 2147483647");
    }
    small.map(|number| value.spanned(number))
}

pub(super) fn uint32(value: Value<'_>, report: &mut Report) -> Option<Spanned<u32>> {
    let number = integer(value, report)?;
    let small = u32::try_from(number).ok();
    if small.is_none() {
        value.mismatch(report, "an integer from 0 to 4294967295");
    }
    small.map(|number| value.spanned(number))
}

pub(super) fn double(value: Value<'_>, report: &mut Report) -> Option<Spanned<f64>> {
    match value.kind() {
        Kind::Scalar(Scalar::Int(number), _) => return Some(value.spanned(*number as f64)),
        Kind::Scalar(Scalar::Float(number), _) => return Some(value.spanned(*number)),
        Kind::Scalar(Scalar::String, text) if text.parse::<f64>().is_ok() => {
            value.mismatch(report, "a number (remove the quotes)");
        }
        _ => value.mismatch(report, "a number"),
    }
    None
}

fn integer(value: Value<'_>, report: &mut Report) -> Option<i128> {
    match value.kind() {
        Kind::Scalar(Scalar::Int(number), _) => return Some(*number),
        // `5.0` and `1e3` are integers once the document is JSON, which is how it travels.
        Kind::Scalar(Scalar::Float(number), _)
            if number.fract() == 0.0 && number.abs() < 9.0e15 =>
        {
            return Some(*number as i128);
        }
        Kind::Scalar(Scalar::String, text) if text.parse::<i64>().is_ok() => {
            value.mismatch(report, "an integer (remove the quotes)");
        }
        _ => value.mismatch(report, "an integer"),
    }
    None
}

/// One of a few names, which are case-sensitive.
pub(super) fn one_of<T: Copy>(
    names: &'static [(&'static str, T)],
) -> impl FnOnce(Value<'_>, &mut Report) -> Option<Spanned<T>> {
    move |value, report| {
        if let Kind::Scalar(Scalar::String, text) = value.kind() {
            if let Some((_, found)) = names.iter().find(|(name, _)| **name == **text) {
                return Some(value.spanned(*found));
            }
        }
        let wanted: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        value.mismatch(report, &format!("one of {}", wanted.join(", ")));
        None
    }
}

/// Something that is accepted without a look inside, and kept.
pub(super) fn opaque(value: Value<'_>, _: &mut Report) -> Option<Opaque> {
    Some(value.spanned(tree(value.document, value.id)))
}

/// The budget of the text bounds what this copies: aliases were paid for as what they stand for.
fn tree(document: &Document, id: NodeId) -> Tree {
    match &document.node(id).kind {
        Kind::Scalar(Scalar::Null, _) => Tree::Null,
        Kind::Scalar(Scalar::Bool(value), _) => Tree::Bool(*value),
        Kind::Scalar(Scalar::Int(value), _) => Tree::Int(*value),
        Kind::Scalar(Scalar::Float(value), _) => Tree::Float(*value),
        Kind::Scalar(Scalar::String, text) => Tree::Text(text.to_string()),
        Kind::Sequence(items) => Tree::List(items.iter().map(|id| tree(document, *id)).collect()),
        Kind::Mapping(entries) => Tree::Map(
            entries
                .iter()
                .map(|entry| (entry.key.to_string(), tree(document, entry.value)))
                .collect(),
        ),
    }
}

/// A time, as Kubernetes writes it.
pub(super) fn timestamp(value: Value<'_>, report: &mut Report) -> Option<Spanned<Timestamp>> {
    let text = string(value, report)?;
    let time = Timestamp::parse(&text);
    if time.is_none() {
        value.mismatch(report, "a time such as 2024-05-01T12:00:00Z");
    }
    time.map(|time| value.spanned(time))
}

/// A mapping of names to texts.
pub(super) fn labels(value: Value<'_>, report: &mut Report) -> Option<Spanned<Labels>> {
    let Kind::Mapping(entries) = value.kind() else {
        value.mismatch(report, "a mapping");
        return None;
    };
    let mut labels = Vec::with_capacity(entries.len());
    for entry in entries {
        let path = value.path.field(&entry.key);
        let text = value.child(entry.value, &path);
        // As for every field, null is as good as absent.
        if text.is_null() {
            continue;
        }
        let key = Spanned {
            value: entry.key.to_string(),
            at: entry.at,
        };
        labels.extend(string(text, report).map(|text| (key, text)));
    }
    Some(value.spanned(Labels(labels)))
}

/// A list; what is wrong with an item is reported at the item.
pub(super) fn list<T>(
    item: impl Fn(Value<'_>, &mut Report) -> Option<T>,
) -> impl FnOnce(Value<'_>, &mut Report) -> Option<Spanned<Vec<T>>> {
    move |value, report| {
        let Kind::Sequence(ids) = value.kind() else {
            value.mismatch(report, "a list");
            return None;
        };
        let mut items = Vec::with_capacity(ids.len());
        for (index, &id) in ids.iter().enumerate() {
            let path = value.path.item(index);
            items.extend(item(value.child(id, &path), report));
        }
        Some(value.spanned(items))
    }
}
