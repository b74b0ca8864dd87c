//! What a rule does not do here, and what it does that was probably not meant: nothing is ignored
//! in silence.

use super::{Numbers, OnFull, Protocol, set};
use crate::istio::path::Path;
use crate::istio::problem::{Position, Report};
use crate::istio::rule::{
    ConnectionPool, DestinationRule, Http, Spanned, Spec, Tcp, TrafficPolicy,
};

const NOT_YET: &str =
    "accepted and not applied: the pool of spec.trafficPolicy holds for every port and subset";
const FILE_IS_THE_CHOICE: &str =
    "without effect: the rule applies because this process reads its file";
const OF_CLIENTS: &str = "without effect: it concerns the client's side of a connection, and here \
                          the rule limits the requests that are served";
const OF_MESH: &str = "without effect: it concerns how a client finds and reaches the service";

/// Reports the fields of an applied rule that have no effect, and doubtful combinations.
pub(in crate::istio) fn report_effects(
    rule: &DestinationRule,
    on_full: OnFull,
    protocol: Protocol,
    report: &mut Report,
) {
    let root = rule.path();
    let path = root.field("spec");
    if let Some(spec) = &rule.spec {
        around(spec, &path, report);
        let path = path.field("trafficPolicy");
        if let Some(policy) = &spec.traffic_policy {
            beside(policy, &path, report);
            let path = path.field("connectionPool");
            if let Some(pool) = &policy.connection_pool {
                inside(pool, &path, report);
                combinations(pool, on_full, protocol, &path, report);
            }
        }
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
        ("retryBudget", place(&policy.retry_budget)),
    ];
    note(&others, OF_MESH, path, report);
}

fn inside(pool: &ConnectionPool, path: &Path<'_>, report: &mut Report) {
    if let Some(tcp) = &pool.tcp {
        let fields = [
            ("connectTimeout", place(&tcp.connect_timeout)),
            ("tcpKeepalive", place(&tcp.tcp_keepalive)),
        ];
        note(&fields, OF_CLIENTS, &path.field("tcp"), report);
    }
    if let Some(http) = &pool.http {
        let fields = [
            ("maxRetries", place(&http.max_retries)),
            ("h2UpgradePolicy", place(&http.h2_upgrade_policy)),
            ("useClientProtocol", place(&http.use_client_protocol)),
            ("maxConcurrentStreams", place(&http.max_concurrent_streams)),
            ("http2KeepAlive", place(&http.http2_keep_alive)),
        ];
        note(&fields, OF_CLIENTS, &path.field("http"), report);
    }
}

/// What fields do to each other.
fn combinations(
    pool: &ConnectionPool,
    on_full: OnFull,
    protocol: Protocol,
    path: &Path<'_>,
    report: &mut Report,
) {
    let tcp_path = path.field("tcp");
    let http_path = path.field("http");
    if let Some(tcp) = &pool.tcp {
        connections(tcp, protocol, &tcp_path, report);
        let http_idle = pool.http.as_ref().and_then(|http| http.idle_timeout);
        if let (Some(overridden), Some(winner)) = (tcp.idle_timeout, http_idle) {
            report.notice(
                overridden.at,
                &tcp_path.field("idleTimeout"),
                format_args!("without effect: http.idleTimeout ({}) wins", winner.value),
            );
        }
    }
    if let Some(http) = &pool.http {
        requests(http, &http_path, report);
    }
    queue(pool, on_full, protocol, &http_path, report);
}

fn connections(tcp: &Tcp, protocol: Protocol, path: &Path<'_>, report: &mut Report) {
    zero(tcp.max_connections, &path.field("maxConnections"), report);
    if let (Some(_), Protocol::Http2) = (set(tcp.max_connections), protocol) {
        note(
            &[("maxConnections", place(&tcp.max_connections))],
            "without effect: on HTTP/2 a connection carries many requests",
            path,
            report,
        );
    }
}

fn requests(http: &Http, path: &Path<'_>, report: &mut Report) {
    for (name, value) in [
        ("http1MaxPendingRequests", http.http1_max_pending_requests),
        ("http2MaxRequests", http.http2_max_requests),
        ("maxRequestsPerConnection", http.max_requests_per_connection),
    ] {
        zero(value, &path.field(name), report);
    }
}

/// People write 0 for *none*, and get *any number*.
fn zero(value: Option<Spanned<i32>>, path: &Path<'_>, report: &mut Report) {
    if let Some(Spanned { value: 0, at }) = value {
        report.warning(at, path, "0 is unset, that is unlimited");
    }
}

fn queue(
    pool: &ConnectionPool,
    on_full: OnFull,
    protocol: Protocol,
    path: &Path<'_>,
    report: &mut Report,
) {
    let numbers = Numbers::of(pool, protocol);
    let pending = pool
        .http
        .as_ref()
        .and_then(|http| http.http1_max_pending_requests);
    let pending_path = path.field("http1MaxPendingRequests");
    match (numbers.slots(), numbers.max_pending, pending) {
        (None, Some(_), Some(pending)) => report.warning(
            pending.at,
            &pending_path,
            "without effect: no limit on requests is set, so none ever waits",
        ),
        (Some(slots), Some(_), Some(pending))
            if on_full == OnFull::Refuse && numbers.requests_are_tighter() =>
        {
            report.warning(
                pending.at,
                &pending_path,
                format_args!(
                    "without effect: http2MaxRequests ({slots}) is met before any limit on \
                     connections, and then Envoy refuses at once; choose *wait* to let requests \
                     wait, or set maxConnections to {slots} or less"
                ),
            );
        }
        (Some(slots), None, _) if numbers.places(on_full).is_none() => report.warning(
            pool.at,
            &pending_path,
            format_args!(
                "unset: any number of requests may wait for the {slots} that run; set a bound"
            ),
        ),
        _ => {}
    }
}
