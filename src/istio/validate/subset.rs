//! `subsets`.

use std::collections::HashMap;

use super::destination_rule::traffic_policy;
use super::host::is_label;
use super::labels::labels;
use super::{Level, missing};
use crate::istio::gate::Gate;
use crate::istio::path::Path;
use crate::istio::problem::{Position, Report, shorten};
use crate::istio::resource::{Spanned, Subset};

pub(super) fn subsets(list: &[Spanned<Subset>], gate: Gate, path: &Path<'_>, report: &mut Report) {
    let mut seen: HashMap<&str, Position> = HashMap::new();
    for (index, subset) in list.iter().enumerate() {
        let path = path.item(index);
        let name_path = path.field("name");
        match &subset.name {
            None => missing(subset.at, &name_path, "a subset needs a name", report),
            Some(name) if name.is_empty() => {
                report.error(name.at, &name_path, "empty: a subset needs a name");
            }
            Some(name) if !is_label(name) => report.error(
                name.at,
                &name_path,
                format_args!(
                    "`{}` is no subset name: expected up to 63 letters, digits and inner dashes",
                    shorten(name)
                ),
            ),
            Some(name) => {
                if let Some(first) = seen.get(name.as_str()) {
                    report.error(
                        name.at,
                        &name_path,
                        format_args!("the subset `{}` stands already at {first}", name.value),
                    );
                } else {
                    seen.insert(name, name.at);
                }
            }
        }
        if let Some(found) = &subset.labels {
            labels(found, &path.field("labels"), report);
        }
        if let Some(policy) = &subset.traffic_policy {
            let path = path.field("trafficPolicy");
            traffic_policy(policy, Level::Inner, gate, &path, report);
        }
    }
}
