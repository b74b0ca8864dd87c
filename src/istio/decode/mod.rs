//! Bytes to typed resources.
//!
//! What lives here knows the schema: which fields there are and of which type. It reports what
//! does not fit and goes on, so that one pass finds everything. Whether values make sense is
//! `validate`'s question, what they mean is `translate`'s.

mod collect;
mod config_map;
mod destination_rule;
mod duration;
mod fields;
mod mesh;
mod meta;
mod nearest;
mod number;
mod object;
mod plain;
mod pool;
mod sidecar;
mod value;

use std::cell::OnceCell;

use self::object::Objects;
pub(super) use self::object::Role;
use super::gate::Gate;
use super::path::Path;
use super::problem::{Position, Report};
use super::resource::Resource;
use super::yaml::{Budget, Documents, MAX_BYTES};

/// Decodes every resource in a file. Objects of other kinds are skipped.
pub(super) fn decode(bytes: &[u8], role: Role, gate: Gate, report: &mut Report) -> Vec<Resource> {
    let Some(text) = text(bytes, report) else {
        return Vec::new();
    };
    let budget = Budget::default();
    let mut objects = Objects {
        text,
        lines: OnceCell::new(),
        budget: &budget,
        role,
        gate,
        found: Vec::new(),
    };
    for document in Documents::new(text, &budget) {
        match document {
            Ok(document) => objects.document(&document, report),
            Err(error) => report.error(error.at, &Path::Root, error.message),
        }
    }
    let found = objects.found;
    let is_mesh = |resource: &Resource| matches!(resource, Resource::MeshConfig(_));
    if role == Role::Mesh && !found.iter().any(is_mesh) && !report.has_errors() {
        report.file_error(
            "no settings of a mesh: expected a MeshConfig, its settings alone (connectTimeout: \
             10s, say; {} for none), or the ConfigMap that istiod reads, with them under data.mesh",
        );
    }
    found
}

/// The text of a file, unless it is too long or no text.
fn text<'a>(bytes: &'a [u8], report: &mut Report) -> Option<&'a str> {
    if bytes.len() > MAX_BYTES {
        report.file_error(format_args!(
            "larger than {MAX_BYTES} bytes (1 MiB): a rule file has at most as many"
        ));
        return None;
    }
    utf8(bytes, report)
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
