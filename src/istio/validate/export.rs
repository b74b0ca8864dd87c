//! `exportTo`.

use std::collections::HashMap;

use super::host::is_label;
use crate::istio::path::Path;
use crate::istio::problem::{Position, Report, shorten};
use crate::istio::resource::{Meta, Spec};

pub(super) fn export_to(spec: &Spec, meta: &Meta, path: &Path<'_>, report: &mut Report) {
    let Some(list) = &spec.export_to else { return };
    let own = meta.namespace();
    let mut seen: HashMap<&str, Position> = HashMap::new();
    for (index, entry) in list.iter().enumerate() {
        let path = path.item(index);
        // `.` is another name of the object's own namespace.
        let namespace = match entry.as_str() {
            "." => own,
            other => other,
        };
        if let Some(first) = seen.get(namespace) {
            report.error(
                entry.at,
                &path,
                format_args!(
                    "the namespace `{}` stands already at {first}",
                    shorten(namespace)
                ),
            );
        } else if namespace == "~" {
            report.error(
                entry.at,
                &path,
                "`~` (nobody) is not for rules: leave the rule out instead",
            );
        } else if namespace != "*" && !is_label(namespace) {
            report.error(
                entry.at,
                &path,
                format_args!(
                    "`{}` is no namespace: expected one's name, `.` (its own) or `*` (all)",
                    shorten(namespace)
                ),
            );
        } else {
            seen.insert(namespace, entry.at);
        }
    }
    if let (Some(at), true) = (seen.get("*"), list.len() > 1) {
        report.error(
            *at,
            path,
            "`*` (all) leaves nothing for other entries: keep one or the other",
        );
    }
    if spec.workload_selector.is_some() && !seen.is_empty() {
        if !seen.contains_key(own) {
            report.error(
                list.at,
                path,
                "a rule with a workloadSelector stays in its own namespace: expected `.`",
            );
        } else if seen.len() > 1 {
            report.error(
                list.at,
                path,
                "a rule with a workloadSelector stays in its own namespace: expected `.` alone",
            );
        }
    }
}
