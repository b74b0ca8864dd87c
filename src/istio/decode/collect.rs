//! Lists, mappings of texts, and blocks that are kept as they are.

use super::plain::string;
use super::value::Value;
use crate::istio::gate::Gate;
use crate::istio::problem::Report;
use crate::istio::resource::{Labels, Opaque, Spanned, Tree};
use crate::istio::yaml::{Document, Kind, NodeId, Scalar};

/// A list; what is wrong with an item is reported at the item. To istiod a null is an empty item.
pub(super) fn list<T: Default>(
    item: impl Fn(Value<'_>, &mut Report) -> Option<Spanned<T>>,
) -> impl FnOnce(Value<'_>, &mut Report) -> Option<Spanned<Vec<Spanned<T>>>> {
    move |value, report| {
        let Kind::Sequence(ids) = value.kind() else {
            value.mismatch(report, "a list");
            return None;
        };
        let mut items = Vec::with_capacity(ids.len());
        for (index, &id) in ids.iter().enumerate() {
            let path = value.path.item(index);
            let found = value.child(id, &path);
            if found.is_null() && value.gate == Gate::Istiod {
                items.push(found.spanned(T::default()));
            } else {
                items.extend(item(found, report));
            }
        }
        Some(value.spanned(items))
    }
}

/// A mapping of names to texts. To istiod a null is an empty text.
pub(super) fn labels(value: Value<'_>, report: &mut Report) -> Option<Spanned<Labels>> {
    texts(value, value.gate == Gate::Istiod, report)
}

/// The same in metadata, which is Kubernetes' own, and where a null is an empty text to all.
pub(super) fn annotations(value: Value<'_>, report: &mut Report) -> Option<Spanned<Labels>> {
    texts(value, true, report)
}

fn texts(value: Value<'_>, null_is_empty: bool, report: &mut Report) -> Option<Spanned<Labels>> {
    let Kind::Mapping(entries) = value.kind() else {
        value.mismatch(report, "a mapping");
        return None;
    };
    let mut labels = Vec::with_capacity(entries.len());
    for entry in entries {
        let path = value.path.field(&entry.key);
        let text = value.child(entry.value, &path);
        let key = Spanned {
            value: entry.key.to_string(),
            at: entry.at,
        };
        if null_is_empty && text.is_null() {
            labels.push((key, text.spanned(String::new())));
        } else {
            labels.extend(string(text, report).map(|text| (key, text)));
        }
    }
    Some(value.spanned(Labels(labels)))
}

/// A block that is accepted without a look inside, and kept.
pub(super) fn block(value: Value<'_>, report: &mut Report) -> Option<Opaque> {
    if !matches!(value.kind(), Kind::Mapping(_)) {
        value.mismatch(report, "a mapping");
        return None;
    }
    opaque(value, report)
}

/// The same of whatever is there: where others decide what that may be.
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
