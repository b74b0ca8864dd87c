//! Annotations that Istio refuses.

use crate::istio::problem::Report;
use crate::istio::resource::{MADE_OF, Meta};

const DRY_RUN: &str = "istio.io/dry-run";
/// What istiod writes on the rules that it makes itself, out of those of the Gateway API.
const INTERNAL: [&str; 2] = [MADE_OF, "internal.istio.io/parent-namespace"];
/// And refuses whatever it is asked to.
const REJECT: &str = "internal.istio.io/webhook-always-reject";

pub(super) fn meta(meta: &Meta, report: &mut Report) {
    let root = meta.path();
    let path = root.field("metadata");
    let path = path.field("annotations");
    // Kubernetes accepts no name with a tilde, so an object that has one is istiod's own.
    let made_by_istiod = meta.name.as_ref().is_some_and(|name| name.contains('~'));
    for (key, _) in meta.annotations.iter().flat_map(|labels| &labels.0) {
        let message = match key.as_str() {
            DRY_RUN => "Istio has no dry run of this kind of object: remove the annotation",
            REJECT => "Istio refuses every object with this annotation: remove it",
            internal if INTERNAL.contains(&internal) && !made_by_istiod => {
                "the annotation is istiod's own, on rules that it makes itself: remove it"
            }
            _ => continue,
        };
        report.error(key.at, &path.field(key), message);
    }
}
