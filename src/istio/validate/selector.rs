//! `workloadSelector`, of a rule and of a `Sidecar`.

use crate::istio::gate::Gate;
use crate::istio::path::Path;
use crate::istio::problem::{Report, shorten};
use crate::istio::resource::{Labels, Spanned, WorkloadSelector};

/// How many labels the CRD allows.
const MOST_LABELS: usize = 4096;
/// How long it allows their values to be.
const LONGEST_VALUE: usize = 63;

/// A rule's selector, which chooses clients by `matchLabels`.
pub(super) fn workload_selector(
    selector: &Spanned<WorkloadSelector>,
    gate: Gate,
    path: &Path<'_>,
    report: &mut Report,
) {
    let labels_path = path.field("matchLabels");
    check(selector, &labels_path, report);
    if is_empty(selector) && !report.has_error_under(path) {
        report.warning(selector.at, path, "without labels it chooses every client");
    }
    if let (Some(labels), Gate::Strict) = (&selector.labels, gate) {
        check_size(labels, &labels_path, report);
    }
}

/// A `Sidecar`'s selector, which chooses workloads by `labels`.
pub(super) fn sidecar_selector(
    selector: &Spanned<WorkloadSelector>,
    gate: Gate,
    path: &Path<'_>,
    report: &mut Report,
) {
    let labels_path = path.field("labels");
    check(selector, &labels_path, report);
    if is_empty(selector) && !report.has_error_under(path) {
        report.warning(
            selector.at,
            path,
            "without labels it chooses every workload of the namespace",
        );
    }
    if let (Some(labels), Gate::Strict) = (&selector.labels, gate) {
        check_size(labels, &labels_path, report);
    }
}

fn is_empty(selector: &WorkloadSelector) -> bool {
    selector
        .labels
        .as_ref()
        .is_none_or(|labels| labels.0.is_empty())
}

fn check(selector: &WorkloadSelector, path: &Path<'_>, report: &mut Report) {
    for (key, value) in selector.labels.iter().flat_map(|labels| &labels.0) {
        if key.is_empty() {
            report.error(key.at, path, "a label needs a name");
        }
        for text in [key, value] {
            if text.contains('*') {
                report.error(
                    text.at,
                    &path.field(key),
                    format_args!(
                        "`{}` has a wildcard: a selector compares whole labels",
                        shorten(text)
                    ),
                );
            }
        }
    }
}

fn check_size(labels: &Spanned<Labels>, path: &Path<'_>, report: &mut Report) {
    if labels.0.len() > MOST_LABELS {
        report.error(
            labels.at,
            path,
            format_args!(
                "{} labels: at most {MOST_LABELS} are allowed",
                labels.0.len()
            ),
        );
    }
    for (key, value) in &labels.0 {
        let length = value.chars().count();
        if length > LONGEST_VALUE {
            report.error(
                value.at,
                &path.field(key),
                format_args!("{length} characters: at most {LONGEST_VALUE} are allowed"),
            );
        }
    }
}
