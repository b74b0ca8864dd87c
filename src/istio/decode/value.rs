//! A node with its document and its path: what decoders are given.

use std::fmt;

use crate::istio::gate::Gate;
use crate::istio::path::Path;
use crate::istio::problem::{Position, Report, shorten};
use crate::istio::resource::Spanned;
use crate::istio::yaml::{Document, Kind, NodeId, Scalar};

/// A node in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    pub(super) document: &'a Document,
    pub(super) id: NodeId,
    pub(super) path: &'a Path<'a>,
    pub(super) gate: Gate,
}

impl<'a> Value<'a> {
    /// A node of the same document.
    pub(super) fn child<'b>(&self, id: NodeId, path: &'b Path<'b>) -> Value<'b>
    where
        'a: 'b,
    {
        Value { id, path, ..*self }
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

    pub(super) fn mismatch(&self, report: &mut Report, wanted: &str) {
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
