//! What Istio's levels do that surprises: a block replaces another as a whole, and the settings of
//! a port take nothing from anybody.

use super::notes::Notes;
use crate::istio::path::Path;
use crate::istio::resource::{
    ConnectionPool, Http, PortPolicy, Resource, Spanned, Spec, Subset, Tcp, TrafficPolicy,
};
use crate::istio::select::RuleId;
use crate::istio::settings::Settings;
use crate::istio::translate::Owner;

/// A mesh's default for ports without a pool.
const MESH_DEFAULT: &str = "the mesh's default pool holds there";
const NO_LIMIT: &str = "nothing is limited there";

/// Looks through all levels of a rule that applies, whichever port and subset was asked for.
pub(super) fn find(settings: &Settings<'_>, rule: RuleId) -> Notes {
    let object = settings.rules.rule_ref(rule);
    let mut notes = Notes::new(object.file());
    if let Resource::DestinationRule(rule) = object.object() {
        if let Some(spec) = &rule.spec {
            let root = rule.meta.path();
            let has_default = settings.rules.pool(Owner::Mesh).is_some();
            Traps { spec, has_default }.find(&root.field("spec"), &mut notes);
        }
    }
    notes
}

/// Between rules, where Istio's selection is odd. The rule is the one that comes later.
pub(super) fn between_rules(settings: &Settings<'_>) -> impl Iterator<Item = Notes> {
    settings.quirks().map(|quirk| {
        let rule = quirk.rule();
        let mut notes = Notes::new(rule.file());
        notes.lint(rule.position(), &rule.meta().path(), quirk);
        notes
    })
}

struct Traps<'a> {
    spec: &'a Spec,
    has_default: bool,
}

impl Traps<'_> {
    fn find(&self, path: &Path<'_>, notes: &mut Notes) {
        let policy = self
            .spec
            .traffic_policy
            .as_ref()
            .map(|policy| &policy.value);
        if let Some(policy) = policy {
            let path = path.field("trafficPolicy");
            let path = path.field("portLevelSettings");
            for (index, entry) in entries(policy).iter().enumerate() {
                self.port(policy, entry, &path.item(index), notes);
            }
        }
        let subsets = self.spec.subsets.as_ref();
        let path = path.field("subsets");
        for (index, subset) in subsets.map_or(&[][..], |it| it).iter().enumerate() {
            self.subset(policy, subset, &path.item(index), notes);
        }
    }

    fn port(
        &self,
        policy: &TrafficPolicy,
        entry: &Spanned<PortPolicy>,
        path: &Path<'_>,
        notes: &mut Notes,
    ) {
        let number = entry.port_number().unwrap_or(0);
        match (&policy.connection_pool, &entry.connection_pool) {
            (Some(_), None) => notes.lint(
                entry.at,
                path,
                format_args!(
                    "the settings of port {number} have no connectionPool, and take none from the \
                     rule: {}; repeat it here",
                    self.otherwise()
                ),
            ),
            (Some(of_rule), Some(own)) => {
                replaced(
                    of_rule,
                    own,
                    "that of the rule",
                    &path.field("connectionPool"),
                    notes,
                );
            }
            (None, _) => {}
        }
        if policy.retry_budget.is_some() {
            notes.lint(
                entry.at,
                path,
                format_args!(
                    "port {number} loses the rule's retryBudget: the settings of a port have none, \
                     and take none from the rule"
                ),
            );
        }
    }

    fn subset(
        &self,
        of_rule: Option<&TrafficPolicy>,
        subset: &Subset,
        path: &Path<'_>,
        notes: &mut Notes,
    ) {
        let Some(policy) = &subset.traffic_policy else {
            return;
        };
        let path = path.field("trafficPolicy");
        let pool_of_rule = of_rule.and_then(|policy| policy.connection_pool.as_ref());
        if let Some(own) = &policy.connection_pool {
            let path = path.field("connectionPool");
            if let Some(pool) = pool_of_rule {
                replaced(pool, own, "that of the rule", &path, notes);
            }
            over_ports(of_rule, policy, own, &path, notes);
        }
        let path = path.field("portLevelSettings");
        for (index, entry) in entries(policy).iter().enumerate() {
            let path = path.item(index);
            self.port_of_subset(pool_of_rule, policy, entry, &path, notes);
        }
    }

    fn port_of_subset(
        &self,
        pool_of_rule: Option<&Spanned<ConnectionPool>>,
        policy: &TrafficPolicy,
        entry: &Spanned<PortPolicy>,
        path: &Path<'_>,
        notes: &mut Notes,
    ) {
        let number = entry.port_number().unwrap_or(0);
        let beside = policy.connection_pool.as_ref().or(pool_of_rule);
        match (beside, &entry.connection_pool) {
            (Some(of_another), Some(own)) => {
                let whose = "that beside it";
                replaced(of_another, own, whose, &path.field("connectionPool"), notes);
            }
            // Not even the mesh's default holds.
            (beside, None) if beside.is_some() || self.has_default => notes.lint(
                entry.at,
                path,
                format_args!(
                    "the subset's settings of port {number} have no connectionPool, and take none \
                     from the subset, the rule or the mesh: {NO_LIMIT}; repeat it here"
                ),
            ),
            _ => {}
        }
        if policy.retry_budget.is_some() {
            notes.lint(
                entry.at,
                path,
                format_args!(
                    "on port {number} the subset's retryBudget does not hold; that of the rule \
                     does, if it has one"
                ),
            );
        }
    }

    /// What holds where the settings of a port have no pool.
    fn otherwise(&self) -> &'static str {
        match self.has_default {
            true => MESH_DEFAULT,
            false => NO_LIMIT,
        }
    }
}

fn entries(policy: &TrafficPolicy) -> &[Spanned<PortPolicy>] {
    let ports = policy.port_level_settings.as_ref();
    ports.map_or(&[][..], |ports| ports)
}

/// A pool of a subset holds on every port, also on those of which the rule has its own.
fn over_ports(
    of_rule: Option<&TrafficPolicy>,
    subset: &TrafficPolicy,
    pool: &Spanned<ConnectionPool>,
    path: &Path<'_>,
    notes: &mut Notes,
) {
    let own = |number| {
        let mut entries = entries(subset).iter();
        entries.any(|entry| entry.port_number() == Some(number))
    };
    let of_rule = of_rule.map_or(&[][..], entries).iter();
    let with_pool = of_rule.filter(|entry| entry.connection_pool.is_some());
    let numbers = with_pool.filter_map(|entry| entry.port_number());
    let lost: Vec<String> = numbers
        .filter(|number| !own(*number))
        .map(|number| number.to_string())
        .collect();
    if !lost.is_empty() {
        notes.lint(
            pool.at,
            path,
            format_args!(
                "it holds on every port: that of the rule for port {} does not hold for the subset",
                lost.join(", ")
            ),
        );
    }
}

/// Tells which limits a pool drops by replacing another as a whole.
fn replaced(
    replaced: &ConnectionPool,
    own: &Spanned<ConnectionPool>,
    whose: &str,
    path: &Path<'_>,
    notes: &mut Notes,
) {
    let lost = dropped(replaced, own);
    if !lost.is_empty() {
        notes.lint(
            own.at,
            path,
            format_args!(
                "it replaces {whose} as a whole, and drops its {}; repeat what is to stay",
                lost.join(", ")
            ),
        );
    }
}

/// The fields that one pool has, and not another.
fn dropped(from: &ConnectionPool, by: &ConnectionPool) -> Vec<&'static str> {
    let set = |pool: &ConnectionPool| {
        let tcp = pool.tcp.as_ref().map(|tcp| tcp_fields(tcp));
        let http = pool.http.as_ref().map(|http| http_fields(http));
        tcp.into_iter()
            .flatten()
            .chain(http.into_iter().flatten())
            .filter_map(|(name, is_set)| is_set.then_some(name))
            .collect::<Vec<_>>()
    };
    let kept = set(by);
    let mut lost = set(from);
    lost.retain(|name| !kept.contains(name));
    lost
}

fn tcp_fields(tcp: &Tcp) -> Vec<(&'static str, bool)> {
    vec![
        (
            "tcp.maxConnections",
            tcp.max_connections.is_some_and(|it| it.value > 0),
        ),
        ("tcp.connectTimeout", tcp.connect_timeout.is_some()),
        ("tcp.tcpKeepalive", tcp.tcp_keepalive.is_some()),
        (
            "tcp.maxConnectionDuration",
            tcp.max_connection_duration.is_some(),
        ),
        ("tcp.idleTimeout", tcp.idle_timeout.is_some()),
    ]
}

fn http_fields(http: &Http) -> Vec<(&'static str, bool)> {
    let number = |field: Option<Spanned<i32>>| field.is_some_and(|field| field.value > 0);
    vec![
        (
            "http.http1MaxPendingRequests",
            number(http.http1_max_pending_requests),
        ),
        ("http.http2MaxRequests", number(http.http2_max_requests)),
        (
            "http.maxRequestsPerConnection",
            number(http.max_requests_per_connection),
        ),
        ("http.maxRetries", number(http.max_retries)),
        ("http.idleTimeout", http.idle_timeout.is_some()),
        (
            "http.maxConcurrentStreams",
            number(http.max_concurrent_streams),
        ),
        ("http.http2KeepAlive", http.http2_keep_alive.is_some()),
    ]
}
