//! What an object is, and the objects inside lists.

use std::cell::OnceCell;

use super::config_map::config_map;
use super::destination_rule::destination_rule;
use super::mesh::{mesh_config, plain_mesh_config};
use super::nearest::nearest;
use super::plain::string;
use super::sidecar::sidecar;
use super::value::Value;
use crate::istio::gate::Gate;
use crate::istio::path::Path;
use crate::istio::problem::{Report, shorten};
use crate::istio::resource::Resource;
use crate::istio::yaml::{Budget, Document, Entry, Kind, Scalar};

const GROUP: &str = "networking.istio.io";
const VERSIONS: [&str; 3] = ["v1", "v1beta1", "v1alpha3"];
const DESTINATION_RULE: &str = "DestinationRule";
const SIDECAR: &str = "Sidecar";
const MESH_CONFIG: &str = "MeshConfig";
const CONFIG_MAP: &str = "ConfigMap";
/// What `istioctl` installs by: it has the mesh's settings somewhere in it.
const ISTIO_OPERATOR: &str = "IstioOperator";

/// What a text is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::istio) enum Role {
    /// Objects as one finds them in a cluster, the mesh's settings among them.
    Objects,
    /// The mesh's settings, whatever form they have; that there are none is an error.
    Mesh,
}

/// Where the resources of a text are collected.
pub(super) struct Objects<'a> {
    /// The text, in which texts lie that are documents themselves.
    pub(super) text: &'a str,
    /// Its lines, once they were needed.
    pub(super) lines: OnceCell<Vec<&'a str>>,
    pub(super) budget: &'a Budget,
    pub(super) role: Role,
    pub(super) gate: Gate,
    pub(super) found: Vec<Resource>,
}

impl Objects<'_> {
    /// Decodes a document. Duplicate keys matter only if it has anything of ours.
    pub(super) fn document(&mut self, document: &Document, report: &mut Report) {
        let root = Value {
            document,
            id: document.root(),
            path: &Path::Root,
            gate: self.gate,
        };
        if self.role == Role::Mesh && is_untyped(root) {
            if !is_around_settings(root, report) {
                let mesh = plain_mesh_config(root, report).map(Box::new);
                self.found.extend(mesh.map(Resource::MeshConfig));
            }
            report_duplicates(document, &Path::Root, report);
        } else if self.object(root, report) {
            report_duplicates(document, &Path::Root, report);
        }
    }

    /// Decodes one object, or those of a list. Returns whether it was any of ours.
    fn object(&mut self, value: Value<'_>, report: &mut Report) -> bool {
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
        match kind.as_str() {
            "List" | "DestinationRuleList" | "SidecarList" => self.items(value, entries, report),
            DESTINATION_RULE | SIDECAR => self.of_group(value, entries, &kind, report),
            MESH_CONFIG => {
                let mesh = mesh_config(value, report).map(Box::new);
                self.found.extend(mesh.map(Resource::MeshConfig));
                true
            }
            CONFIG_MAP => {
                let lines = || &**self.lines.get_or_init(|| self.text.lines().collect());
                let mesh = config_map(value, self.role, lines, self.budget, report);
                let is_ours = mesh.is_some();
                self.found
                    .extend(mesh.map(Box::new).map(Resource::MeshConfig));
                is_ours
            }
            ISTIO_OPERATOR if self.role == Role::Mesh => is_around_settings(value, report),
            _ => misspelt(value, &kind, entries, report),
        }
    }

    /// Decodes an object of a kind of ours, unless it is another group's.
    fn of_group(
        &mut self,
        value: Value<'_>,
        entries: &[Entry],
        kind: &str,
        report: &mut Report,
    ) -> bool {
        let Some(api_version) = text(value, entries, "apiVersion", report) else {
            return true;
        };
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        if group != GROUP {
            return false;
        }
        if !VERSIONS.contains(&version) {
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
            return true;
        }
        self.found.extend(match kind {
            SIDECAR => sidecar(value, report).map(Box::new).map(Resource::Sidecar),
            _ => destination_rule(value, report)
                .map(Box::new)
                .map(Resource::DestinationRule),
        });
        true
    }

    /// Unfolds a list. Returns whether anything in it was ours.
    fn items(&mut self, value: Value<'_>, entries: &[Entry], report: &mut Report) -> bool {
        let Some(entry) = find(entries, "items") else {
            return false;
        };
        let items_path = value.path.field("items");
        let items = value.child(entry.value, &items_path);
        match items.kind() {
            Kind::Sequence(ids) => {
                let mut ours = false;
                for (index, &id) in ids.iter().enumerate() {
                    let path = items_path.item(index);
                    ours |= self.object(value.child(id, &path), report);
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
}

/// Whether a mapping says nothing of its kind.
fn is_untyped(value: Value<'_>) -> bool {
    let Kind::Mapping(entries) = value.kind() else {
        return false;
    };
    find(entries, "kind").is_none() && find(entries, "apiVersion").is_none()
}

/// An installation's values have the mesh's settings under a name of their own, where nobody would
/// find them. Returns whether it is so.
fn is_around_settings(value: Value<'_>, report: &mut Report) -> bool {
    const NAME: &str = "meshConfig";

    let Kind::Mapping(entries) = value.kind() else {
        return false;
    };
    let spec_path = value.path.field("spec");
    let spec = find(entries, "spec").map(|spec| value.child(spec.value, &spec_path));
    let at = spec.unwrap_or(value);
    let Kind::Mapping(entries) = at.kind() else {
        return false;
    };
    let Some(entry) = find(entries, NAME) else {
        return false;
    };
    report.error(
        entry.at,
        &at.path.field(NAME),
        "the values of an installation: expected what is under `meshConfig`, as a file of its own",
    );
    true
}

/// A kind that is nearly ours is a slip, not somebody else's object. Returns whether it is one.
fn misspelt(value: Value<'_>, kind: &str, entries: &[Entry], report: &mut Report) -> bool {
    let Some(entry) = find(entries, "apiVersion") else {
        return false;
    };
    let Kind::Scalar(Scalar::String, version) = &value.document.node(entry.value).kind else {
        return false;
    };
    if version.split('/').next() != Some(GROUP) {
        return false;
    }
    let Some(meant) = nearest(kind, &[DESTINATION_RULE, SIDECAR]) else {
        return false;
    };
    value.error(
        report,
        format_args!("unknown kind `{}`, did you mean `{meant}`?", shorten(kind)),
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
        Some(entry) => string(value.child(entry.value, &path), report).map(|text| text.value),
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

pub(super) fn find<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| *entry.key == *name)
}

/// Reports the duplicate keys of a document that stands at a path.
pub(super) fn report_duplicates(document: &Document, root: &Path<'_>, report: &mut Report) {
    for duplicate in document.duplicates() {
        report.error(duplicate.at, &root.given(&duplicate.path), duplicate);
    }
}
