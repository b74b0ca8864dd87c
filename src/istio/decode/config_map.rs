//! The mesh's settings as istiod finds them: a text in a `ConfigMap`, which is a document itself.

use super::fields::Fields;
use super::mesh::mesh_settings;
use super::meta::meta;
use super::object::{Role, find, report_duplicates};
use super::plain::string;
use super::value::Value;
use crate::istio::problem::Report;
use crate::istio::resource::{MeshConfig, MeshForm, MeshSettings, Spanned};
use crate::istio::yaml::{Budget, Documents, Entry, Kind, Place, Scalar};

/// The `ConfigMap` that istiod reads; that of a revision has the revision's name after a dash.
/// Where the mesh's settings are asked for, any name is theirs.
const NAME: &str = "istio";
const KEY: &str = "mesh";

/// Decodes the mesh's settings, if this is their `ConfigMap`.
pub(super) fn config_map<'a>(
    value: Value<'_>,
    role: Role,
    lines: impl FnOnce() -> &'a [&'a str],
    budget: &Budget,
    report: &mut Report,
) -> Option<MeshConfig> {
    let Kind::Mapping(entries) = value.kind() else {
        return None;
    };
    let name = text_at(value, entries, "metadata", "name")?;
    if role == Role::Objects && name != NAME && !name.strip_prefix(NAME)?.starts_with('-') {
        return None;
    }
    text_at(value, entries, "data", KEY)?;
    let mut fields = Fields::open(value, report)?;
    let meta = meta(value, &mut fields, report);
    let settings = fields.get("data", report, |data, report| {
        Fields::open(data, report)?.get(KEY, report, |value, report| {
            settings(value, lines(), budget, report)
        })
    });
    Some(MeshConfig {
        meta,
        form: MeshForm::ConfigMap,
        settings,
    })
}

/// The text two levels down, if there is one.
fn text_at<'a>(value: Value<'a>, entries: &[Entry], outer: &str, inner: &str) -> Option<&'a str> {
    let outer = &value.document.node(find(entries, outer)?.value).kind;
    let Kind::Mapping(entries) = outer else {
        return None;
    };
    match &value.document.node(find(entries, inner)?.value).kind {
        Kind::Scalar(Scalar::String, text) => Some(text),
        _ => None,
    }
}

/// Decodes the text.
fn settings(
    value: Value<'_>,
    lines: &[&str],
    budget: &Budget,
    report: &mut Report,
) -> Option<Spanned<MeshSettings>> {
    let inner = string(value, report)?;
    let place = Place::find(lines, inner.at, &inner);
    let mut settings = None;
    for (index, document) in Documents::within(&inner, place, budget).enumerate() {
        let document = match document {
            Ok(document) => document,
            Err(error) => {
                report.error(error.at, value.path, error.message);
                return None;
            }
        };
        let root = Value {
            document: &document,
            id: document.root(),
            path: value.path,
            gate: value.gate,
        };
        if index > 0 {
            root.error(report, "a second document: the mesh has one MeshConfig");
            return None;
        }
        report_duplicates(&document, value.path, report);
        if !root.is_null() {
            settings = mesh_settings(root, report);
        }
    }
    settings
}
