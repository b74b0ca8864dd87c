//! What Istio's levels do that surprises: a block replaces another as a whole, and the settings of
//! a port take nothing from anybody.

use std::fmt;

use super::notes::Notes;
use crate::istio::path::Path;
use crate::istio::resource::{ConnectionPool, Http, Spanned, Tcp};
use crate::istio::select::{Entry, Place, Policy, PortEntry, RuleId};
use crate::istio::settings::{FieldRef, Settings};
use crate::istio::translate::Owner;

/// A mesh's default for ports without a pool.
const MESH_DEFAULT: &str = "the mesh's default pool holds there";
const NO_LIMIT: &str = "nothing is limited there";

/// Looks through all levels of what applies, whichever port and subset was asked for: of the rules
/// as they are when they are merged, and so only of what can hold.
pub(super) fn find(settings: &Settings<'_>) -> Vec<Notes> {
    let Some(entry) = settings.entry else {
        return Vec::new();
    };
    let rules = settings.rules;
    let of_rule = |rule: &RuleId| (*rule, Notes::new(rules.rule_ref(*rule).file()));
    let mut traps = Traps {
        settings,
        has_default: rules.pool(Owner::Mesh).is_some(),
        notes: entry.from.iter().map(of_rule).collect(),
    };
    traps.find(entry);
    traps.notes.into_iter().map(|(_, notes)| notes).collect()
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

struct Traps<'a, 's> {
    settings: &'s Settings<'a>,
    has_default: bool,
    /// Of each rule that was merged.
    notes: Vec<(RuleId, Notes)>,
}

impl<'a> Traps<'a, '_> {
    fn find(&mut self, entry: &Entry) {
        let policy = entry.policy.as_deref();
        if let Some(policy) = policy {
            for entry in policy.ports.iter() {
                self.port(policy, entry);
            }
        }
        for subset in entry.subsets.iter() {
            if let Some(subset) = subset.policy.as_deref() {
                self.subset(policy, subset);
            }
        }
    }

    fn port(&mut self, policy: &Policy, entry: &PortEntry) {
        let number = entry.number;
        match (policy.pool, entry.pool) {
            (Some(whole), None) => {
                let (whose, otherwise) = (self.name(entry.place, whole), self.otherwise());
                self.at_policy(
                    entry.place,
                    format_args!(
                        "the settings of port {number} have no connectionPool, and take none from \
                         {whose}: {otherwise}; repeat it here"
                    ),
                );
            }
            (Some(whole), Some(own)) => {
                let whose = format!("that of {}", self.name(own, whole));
                self.replaced(whole, own, &whose);
            }
            (None, _) => {}
        }
        if let Some(budget) = policy.retry_budget {
            let whose = self.name(entry.place, budget);
            self.at_policy(
                entry.place,
                format_args!(
                    "port {number} loses {whose}'s retryBudget: the settings of a port have none, \
                     and take none from the rule"
                ),
            );
        }
    }

    fn subset(&mut self, whole: Option<&Policy>, subset: &Policy) {
        let pool_of_rule = whole.and_then(|policy| policy.pool);
        if let Some(own) = subset.pool {
            if let Some(pool) = pool_of_rule {
                let whose = format!("that of {}", self.name(own, pool));
                self.replaced(pool, own, &whose);
            }
            self.over_ports(whole, subset, own);
        }
        for entry in subset.ports.iter() {
            self.port_of_subset(pool_of_rule, subset, entry);
        }
    }

    fn port_of_subset(&mut self, pool_of_rule: Option<Place>, subset: &Policy, entry: &PortEntry) {
        let number = entry.number;
        match (subset.pool.or(pool_of_rule), entry.pool) {
            (Some(beside), Some(own)) => {
                let whose = match beside.rule == own.rule {
                    true => "that beside it".to_owned(),
                    false => format!("that of {}", self.name(own, beside)),
                };
                self.replaced(beside, own, &whose);
            }
            // Not even the mesh's default holds.
            (beside, None) if beside.is_some() || self.has_default => self.at_policy(
                entry.place,
                format_args!(
                    "the subset's settings of port {number} have no connectionPool, and take none \
                     from the subset, the rule or the mesh: {NO_LIMIT}; repeat it here"
                ),
            ),
            _ => {}
        }
        if subset.retry_budget.is_some() {
            self.at_policy(
                entry.place,
                format_args!(
                    "on port {number} the subset's retryBudget does not hold; that of the rule \
                     does, if it has one"
                ),
            );
        }
    }

    /// A pool of a subset holds on every port, also on those of which the rule has its own.
    fn over_ports(&mut self, whole: Option<&Policy>, subset: &Policy, own: Place) {
        let of_rule = whole.into_iter().flat_map(|policy| policy.ports.iter());
        let lost = of_rule.filter_map(|entry| {
            let is_lost = subset.ports.of(entry.number).is_none();
            Some((entry.number, entry.pool.filter(|_| is_lost)?))
        });
        let lost: Vec<_> = lost.collect();
        let Some((_, first)) = lost.first() else {
            return;
        };
        let whose = self.name(own, *first);
        let ports: Vec<_> = lost.iter().map(|(port, _)| port.to_string()).collect();
        self.at_pool(
            own,
            format_args!(
                "it holds on every port: that of {whose} for port {} does not hold for the subset",
                ports.join(", ")
            ),
        );
    }

    /// Tells which limits a pool drops by replacing another as a whole.
    fn replaced(&mut self, replaced: Place, own: Place, whose: &str) {
        let [Some(from), Some(by)] = [replaced, own].map(|place| self.pool(place)) else {
            return;
        };
        let lost = dropped(from, by);
        if !lost.is_empty() {
            self.at_pool(
                own,
                format_args!(
                    "it replaces {whose} as a whole, and drops its {}; repeat what is to stay",
                    lost.join(", ")
                ),
            );
        }
    }

    fn pool(&self, place: Place) -> Option<&'a Spanned<ConnectionPool>> {
        self.settings.rules.pool(Owner::Rule(place))
    }

    /// Another rule by its name, as it is told of this one.
    fn name(&self, own: Place, other: Place) -> String {
        match own.rule == other.rule {
            true => "the rule".to_owned(),
            false => self.settings.rules.rule_ref(other.rule).to_string(),
        }
    }

    /// What holds where the settings of a port have no pool.
    fn otherwise(&self) -> &'static str {
        match self.has_default {
            true => MESH_DEFAULT,
            false => NO_LIMIT,
        }
    }

    fn at_policy(&mut self, place: Place, message: impl fmt::Display) {
        self.lint(place, self.settings.policy_at(place), message);
    }

    fn at_pool(&mut self, place: Place, message: impl fmt::Display) {
        self.lint(place, self.settings.pool_at(place), message);
    }

    fn lint(&mut self, place: Place, field: Option<FieldRef<'a>>, message: impl fmt::Display) {
        let mut notes = self.notes.iter_mut();
        let notes = notes.find(|(rule, _)| *rule == place.rule);
        if let (Some((_, notes)), Some(field)) = (notes, field) {
            notes.lint(field.position(), &Path::Given(&field.path()), message);
        }
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
