//! What a rule does not do here, and what it does that was probably not meant: nothing is ignored
//! in silence.

mod inbound;
mod outbound;

use super::Direction;
use crate::istio::path::Path;
use crate::istio::problem::{Position, Report};
use crate::istio::resource::{ConnectionPool, DestinationRule, Spanned, Spec, TrafficPolicy};

const NOT_YET: &str =
    "accepted and not applied: the pool of spec.trafficPolicy holds for every port and subset";
const FILE_IS_THE_CHOICE: &str =
    "without effect: the rule applies because this process reads its file";
const OF_MESH: &str = "without effect: it concerns how a client finds and reaches the service";

/// Reports the fields of an applied rule that have no effect, and doubtful combinations.
pub(in crate::istio) fn report_effects(
    rule: &DestinationRule,
    direction: Direction,
    report: &mut Report,
) {
    let root = rule.meta.path();
    let path = root.field("spec");
    let Some(spec) = &rule.spec else { return };
    around(spec, &path, report);
    let path = path.field("trafficPolicy");
    let Some(policy) = &spec.traffic_policy else {
        return;
    };
    beside(policy, &path, report);
    match direction {
        Direction::Inbound { on_full, protocol } => {
            inbound::report(policy, on_full, protocol, &path, report);
        }
        Direction::Outbound => outbound::report(policy, &path, report),
    }
    if let Some(pool) = &policy.connection_pool {
        idle_timeouts(pool, &path.field("connectionPool"), report);
    }
}

fn place<T>(field: &Option<Spanned<T>>) -> Option<Position> {
    field.as_ref().map(|field| field.at)
}

/// Notes each field that is there.
fn note(fields: &[(&str, Option<Position>)], why: &str, path: &Path<'_>, report: &mut Report) {
    for (name, at) in fields {
        if let Some(at) = at {
            report.notice(*at, &path.field(name), why);
        }
    }
}

fn around(spec: &Spec, path: &Path<'_>, report: &mut Report) {
    note(&[("subsets", place(&spec.subsets))], NOT_YET, path, report);
    let choices = [
        ("exportTo", place(&spec.export_to)),
        ("workloadSelector", place(&spec.workload_selector)),
    ];
    note(&choices, FILE_IS_THE_CHOICE, path, report);
}

fn beside(policy: &TrafficPolicy, path: &Path<'_>, report: &mut Report) {
    let ports = [("portLevelSettings", place(&policy.port_level_settings))];
    note(&ports, NOT_YET, path, report);
    let others = [
        ("loadBalancer", place(&policy.load_balancer)),
        ("outlierDetection", place(&policy.outlier_detection)),
        ("tls", place(&policy.tls)),
        ("tunnel", place(&policy.tunnel)),
        ("proxyProtocol", place(&policy.proxy_protocol)),
    ];
    note(&others, OF_MESH, path, report);
}

/// Both may be set, and one holds.
fn idle_timeouts(pool: &ConnectionPool, path: &Path<'_>, report: &mut Report) {
    let of_tcp = pool.tcp.as_ref().and_then(|tcp| tcp.idle_timeout);
    let of_http = pool.http.as_ref().and_then(|http| http.idle_timeout);
    if let (Some(overridden), Some(winner)) = (of_tcp, of_http) {
        report.notice(
            overridden.at,
            &path.field("tcp").field("idleTimeout"),
            format_args!("without effect: http.idleTimeout ({}) wins", winner.value),
        );
    }
}

/// People write 0 for *none*, and get *any number*.
fn zero(value: Option<Spanned<i32>>, path: &Path<'_>, report: &mut Report) {
    if let Some(Spanned { value: 0, at }) = value {
        report.warning(at, path, "0 is unset, that is unlimited");
    }
}
