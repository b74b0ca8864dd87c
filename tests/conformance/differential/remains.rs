//! Nothing may be left of a scenario in the end, whatever could be compared until then.

use super::moment::InForce;
use crate::client::NO_RESPONSE;
use crate::compare::Difference;
use crate::log::Tally;
use crate::player::{Ended, Remains};

/// What is left in a proxy that has let all end.
pub(super) fn left(name: &str, remains: &Remains) -> Vec<Difference> {
    let Remains { stuck, last, tally } = remains;
    let broken = last.responses.iter();
    let broken: Vec<_> = broken
        .filter(|(_, status)| *status == NO_RESPONSE)
        .collect();
    let looks = [
        ("stuck", !stuck.is_empty(), format!("{stuck:?}")),
        (
            "without a response",
            !broken.is_empty(),
            format!("{broken:?}"),
        ),
        ("active", last.active > 0, last.active.to_string()),
        ("pending", last.pending > 0, last.pending.to_string()),
        ("cx", last.cx > 0, last.cx.to_string()),
        ("seen", *tally != Tally::default(), format!("{tally:?}")),
    ];
    let left = looks.into_iter().filter(|(_, is_left, _)| *is_left);
    left.map(|(field, _, found)| Difference {
        step: None,
        field: format!("{field}, {name}"),
        left: "nothing".to_owned(),
        right: found,
    })
    .collect()
}

/// Whether all that was taken from the limits of `sidecar` is back. Envoy's own gauges follow a
/// change in place late.
pub(super) fn not_given_back(sidecar: &Ended) -> Option<Difference> {
    let mut limits = InForce::new(&sidecar.seen);
    for step in &sidecar.seen.steps {
        limits.take(&step.action);
    }
    let (found, all) = (&sidecar.remains.last.cb, limits.at_rest().cb);
    (*found != all).then(|| Difference {
        step: None,
        field: "not given back".to_owned(),
        left: format!("{all:?}"),
        right: format!("{found:?}"),
    })
}
