//! Of the levels of a rule: its policy, those of ports, those of subsets.

use super::{Effects, NOT_YET, OF_CLIENTS, OF_MESH, Scope, idle, place};
use crate::istio::explain::notes::Notes;
use crate::istio::path::Path;
use crate::istio::resource::{
    ConnectionPool, PortPolicy, RetryBudget, Spanned, Spec, Subset, TrafficPolicy,
};
use crate::istio::select::{Level, Place, RuleId};
use crate::istio::translate::Owner;

const NO_HISTORY: &str =
    "without effect: the budget is a share of the requests under way at the moment";

impl Effects<'_, '_> {
    /// `spec.trafficPolicy`.
    pub(super) fn policy(
        &self,
        rule: RuleId,
        policy: &Spanned<TrafficPolicy>,
        path: &Path<'_>,
        notes: &mut Notes,
    ) {
        if let Some(used) = self.replaced_by(rule) {
            let used = self.settings.rules.rule_ref(used);
            let why = format_args!(
                "without effect: {used} is an older rule for the same host, and its policy holds"
            );
            notes.idle_unexpectedly(policy.at, path, why);
            return;
        }
        if self.scope == Scope::File {
            let ports = [("portLevelSettings", place(&policy.port_level_settings))];
            idle(&ports, NOT_YET, path, notes);
        } else {
            self.ports(rule, None, policy, path, notes);
        }
        self.blocks(
            Place {
                rule,
                level: Level::Top,
            },
            policy,
            path,
            notes,
        );
    }

    /// The rule whose policy is used instead of this one's.
    fn replaced_by(&self, rule: RuleId) -> Option<RuleId> {
        let entry = self.settings.entry?;
        let mut unused = entry.unused_policies.iter();
        unused.find(|policy| policy.rule == Some(rule))?;
        entry.policy.as_ref()?.rule
    }

    fn blocks(&self, here: Place, policy: &TrafficPolicy, path: &Path<'_>, notes: &mut Notes) {
        let of_mesh = [
            ("loadBalancer", place(&policy.load_balancer)),
            ("outlierDetection", place(&policy.outlier_detection)),
            ("tls", place(&policy.tls)),
            ("tunnel", place(&policy.tunnel)),
            ("proxyProtocol", place(&policy.proxy_protocol)),
        ];
        idle(&of_mesh, OF_MESH, path, notes);
        self.pool(here, &policy.connection_pool, path, notes);
        self.retry_budget(here, &policy.retry_budget, path, notes);
    }

    fn pool(
        &self,
        here: Place,
        pool: &Option<Spanned<ConnectionPool>>,
        path: &Path<'_>,
        notes: &mut Notes,
    ) {
        let Some(pool) = pool else { return };
        let path = path.field("connectionPool");
        if self.settings.effective.pool == Some(Owner::Rule(here)) {
            self.inside(pool, &path, notes);
        } else if let Some(holds) = self.settings.connection_pool() {
            let why = format_args!("without effect: replaced as a whole by that of {holds}");
            notes.idle(pool.at, &path, why);
        } else {
            notes.idle(pool.at, &path, self.wiped());
        }
    }

    /// Why nothing holds though there is something.
    fn wiped(&self) -> String {
        let settings = self.settings;
        let entry = settings.subset_port_level().or(settings.port_level());
        let entry = entry.map_or_else(|| "another level".to_owned(), |entry| entry.to_string());
        format!("without effect: what {entry} leaves out is unset, and not taken from here")
    }

    fn retry_budget(
        &self,
        here: Place,
        budget: &Option<Spanned<RetryBudget>>,
        path: &Path<'_>,
        notes: &mut Notes,
    ) {
        let Some(budget) = budget else { return };
        let path = path.field("retryBudget");
        if self.settings.query.is_inbound() {
            notes.idle(budget.at, &path, OF_CLIENTS);
        } else if self.settings.effective.retry_budget == Some(Owner::Rule(here)) {
            let interval = [("budgetInterval", place(&budget.budget_interval))];
            idle(&interval, NO_HISTORY, &path, notes);
        } else if let Some(holds) = self.settings.retry_budget() {
            let why = format_args!("without effect: replaced as a whole by that of {holds}");
            notes.idle(budget.at, &path, why);
        } else {
            notes.idle(budget.at, &path, self.wiped());
        }
    }

    /// `portLevelSettings`, of the rule or of a subset.
    fn ports(
        &self,
        rule: RuleId,
        subset: Option<u32>,
        policy: &TrafficPolicy,
        path: &Path<'_>,
        notes: &mut Notes,
    ) {
        let Some(entries) = &policy.port_level_settings else {
            return;
        };
        let holds = match subset {
            Some(_) => self.settings.levels.subset_port(),
            None => self.settings.levels.rule_port(),
        };
        let path = path.field("portLevelSettings");
        for (index, entry) in (0..).zip(entries.iter()) {
            let level = match subset {
                Some(subset) => Level::SubsetPort(subset, index),
                None => Level::Port(index),
            };
            let here = Place { rule, level };
            let path = path.item(index as usize);
            if holds.is_some_and(|holds| holds.place == here) {
                self.port(here, entry, &path, notes);
            } else {
                notes.idle(entry.at, &path, self.other_port(entry));
            }
        }
    }

    fn port(&self, here: Place, entry: &PortPolicy, path: &Path<'_>, notes: &mut Notes) {
        let of_mesh = [
            ("loadBalancer", place(&entry.load_balancer)),
            ("outlierDetection", place(&entry.outlier_detection)),
            ("tls", place(&entry.tls)),
        ];
        idle(&of_mesh, OF_MESH, path, notes);
        self.pool(here, &entry.connection_pool, path, notes);
    }

    /// Why the settings of a port do not hold.
    fn other_port(&self, entry: &PortPolicy) -> String {
        let number = entry.port_number().unwrap_or(0);
        match self.settings.levels.port {
            None => format!("without effect: for port {number}, and no port is said"),
            Some(port) if port == number => {
                format!("without effect: another entry for port {number} comes first, and holds")
            }
            Some(port) => format!("without effect: for port {number}, and not for {port}"),
        }
    }

    /// `subsets`: the one that is called, and the others.
    pub(super) fn subsets(&self, rule: RuleId, spec: &Spec, path: &Path<'_>, notes: &mut Notes) {
        let Some(subsets) = &spec.subsets else { return };
        let path = path.field("subsets");
        if self.settings.query.is_inbound() {
            let why = "without effect: whoever serves a request does not know by which subset it \
                       was sent";
            notes.idle(subsets.at, &path, why);
            return;
        }
        for (index, subset) in (0..).zip(subsets.iter()) {
            let path = path.item(index as usize);
            let called = self.settings.subset;
            if called.is_some_and(|called| called.rule == rule && called.index == index) {
                self.called(rule, index, subset, &path, notes);
            } else {
                notes.idle(subset.at, &path, self.not_called(rule, index, subset));
            }
        }
    }

    fn called(
        &self,
        rule: RuleId,
        index: u32,
        subset: &Subset,
        path: &Path<'_>,
        notes: &mut Notes,
    ) {
        idle(&[("labels", place(&subset.labels))], OF_MESH, path, notes);
        if let Some(policy) = &subset.traffic_policy {
            let path = path.field("trafficPolicy");
            self.ports(rule, Some(index), policy, &path, notes);
            let level = Level::Subset(index);
            self.blocks(Place { rule, level }, policy, &path, notes);
        }
    }

    fn not_called(&self, rule: RuleId, index: u32, subset: &Subset) -> String {
        let is_unused = self.settings.entry.is_some_and(|entry| {
            let mut unused = entry.subsets.unused.iter();
            unused.any(|subset| subset.rule == rule && subset.index == index)
        });
        if is_unused {
            return "without effect: an older rule for the same host has a subset of this name"
                .to_owned();
        }
        let name = subset.name.as_ref().map_or("", |name| name.as_str());
        let name = crate::istio::problem::shorten(name);
        format!("without effect: for calls of the subset `{name}` alone")
    }
}
