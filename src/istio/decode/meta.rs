//! What every object has besides its spec.

use super::collect::{annotations, opaque};
use super::fields::Fields;
use super::plain::{string, timestamp};
use super::value::Value;
use crate::istio::problem::Report;
use crate::istio::resource::{Labels, Meta, Spanned, Timestamp};

#[derive(Default)]
struct Named {
    name: Option<Spanned<String>>,
    namespace: Option<Spanned<String>>,
    creation_timestamp: Option<Spanned<Timestamp>>,
    annotations: Option<Spanned<Labels>>,
}

/// The metadata of an object whose fields are these.
pub(super) fn meta(object: Value<'_>, fields: &mut Fields<'_>, report: &mut Report) -> Meta {
    // Both were read when it was decided what the object is.
    fields.get("apiVersion", report, opaque);
    fields.get("kind", report, opaque);
    let named = fields.get("metadata", report, named).unwrap_or_default();
    let item = object.path.to_string();
    Meta {
        at: object.at(),
        item: (!item.is_empty()).then_some(item),
        name: named.name,
        namespace: named.namespace,
        meant_namespace: None,
        creation_timestamp: named.creation_timestamp,
        annotations: named.annotations,
    }
}

/// The spec of an object, and its status, which is nobody's to set.
pub(super) fn spec_of<T>(
    fields: &mut Fields<'_>,
    report: &mut Report,
    decode: impl FnOnce(Value<'_>, &mut Report) -> Option<T>,
) -> Option<T> {
    let spec = fields.get("spec", report, decode);
    fields.get("status", report, opaque);
    spec
}

/// What else metadata holds is Kubernetes' own, so nothing is unknown there.
fn named(value: Value<'_>, report: &mut Report) -> Option<Named> {
    let mut fields = Fields::open(value, report)?;
    Some(Named {
        name: fields.get("name", report, string),
        namespace: fields.get("namespace", report, string),
        creation_timestamp: fields.get("creationTimestamp", report, timestamp),
        annotations: fields.get("annotations", report, annotations),
    })
}
