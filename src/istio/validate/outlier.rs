//! `outlierDetection`.

use super::Level;
use super::pool::milliseconds;
use crate::istio::gate::Gate;
use crate::istio::path::Path;
use crate::istio::problem::Report;
use crate::istio::resource::{OutlierDetection, Spanned};

pub(super) fn outlier_detection(
    outlier: &OutlierDetection,
    level: Level,
    gate: Gate,
    path: &Path<'_>,
    report: &mut Report,
) {
    if let Some(errors) = outlier
        .consecutive_errors
        .filter(|errors| errors.value != 0)
    {
        report.add(
            level.warning(),
            Some(errors.at),
            &path.field("consecutiveErrors"),
            "deprecated and without effect: use consecutive5xxErrors or consecutiveGatewayErrors",
        );
    }
    outlier_of_mesh(outlier, path, report);
    if let (Some(codes), Gate::Strict) = (&outlier.http_error_codes, gate) {
        let path = path.field("outlierDetectionHttpErrorCodes");
        for (index, code) in codes.iter().enumerate() {
            if !(100..=599).contains(&code.value) {
                report.error(
                    code.at,
                    &path.item(index),
                    format_args!("{} is no status: expected 100 to 599", code.value),
                );
            }
        }
    }
}

/// Of the mesh's baseline Istio checks all of this, and warns of nothing.
pub(super) fn outlier_of_mesh(outlier: &OutlierDetection, path: &Path<'_>, report: &mut Report) {
    milliseconds(
        &outlier.base_ejection_time,
        &path.field("baseEjectionTime"),
        report,
    );
    milliseconds(&outlier.interval, &path.field("interval"), report);
    percentage(
        &outlier.max_ejection_percent,
        &path.field("maxEjectionPercent"),
        report,
    );
    percentage(
        &outlier.min_health_percent,
        &path.field("minHealthPercent"),
        report,
    );
    let splits = outlier
        .split_external_local_origin_errors
        .is_some_and(|splits| splits.value);
    let failures = outlier.consecutive_local_origin_failures;
    if let Some(failures) = failures.filter(|failures| failures.value > 0 && !splits) {
        report.error(
            failures.at,
            &path.field("consecutiveLocalOriginFailures"),
            "needs splitExternalLocalOriginErrors: true",
        );
    }
}

fn percentage(value: &Option<Spanned<i32>>, path: &Path<'_>, report: &mut Report) {
    if let Some(percent) = value.filter(|percent| !(0..=100).contains(&percent.value)) {
        report.error(
            percent.at,
            path,
            format_args!("{} is no percentage: expected 0 to 100", percent.value),
        );
    }
}
