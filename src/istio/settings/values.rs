//! Every value of [`Settings`], with where it is from.

use super::field::{self, Field};
use super::source::{FieldRef, Source, Within};
use super::{Setting, Settings, Value};
use crate::istio::Position;
use crate::istio::resource::{ConnectionPool, H2UpgradePolicy, OutlierDetection, RetryBudget};
use crate::istio::select::Policy;
use crate::istio::translate::{Level, Levels, Owner, UpstreamProtocol};

/// The list, as it grows.
struct Values<'a, 's> {
    settings: &'s Settings<'a>,
    /// Of each level, those that come first before the others, the one that holds first of all.
    pools: Vec<Owner>,
    outliers: Vec<Owner>,
    budgets: Vec<Owner>,
    list: Vec<Setting<'a>>,
}

impl<'a> Settings<'a> {
    /// Every value that applies, where it is from, and what it overrode, by the names and in the
    /// form of Envoy's configuration: `thresholds.max_connections`, `connect_timeout` and so on.
    pub fn values(&self) -> Vec<Setting<'a>> {
        let mut values = Values {
            settings: self,
            pools: self.owners(|level| level.pool),
            outliers: self.owners(|level| level.outlier),
            budgets: self.owners(|level| level.retry_budget),
            list: Vec::new(),
        };
        values.thresholds();
        values.connections();
        values.http();
        values.outlier();
        values.list
    }

    /// Where the limit on streams is from, also if Istio would not send it: connections may turn out
    /// to be HTTP/2 whatever the port says.
    pub(in crate::istio) fn max_concurrent_streams_from(&self) -> Option<Source<'a>> {
        self.in_pool(field::MAX_CONCURRENT_STREAMS)
    }

    /// Where the interval of pings and the timeout of their answers are from, likewise.
    pub(in crate::istio) fn http2_keepalive_from(&self) -> [Option<Source<'a>>; 2] {
        [field::PING_INTERVAL, field::PING_TIMEOUT].map(|field| self.in_pool(field))
    }

    /// A field of the pool that holds, if it says anything.
    fn in_pool(&self, Field { path, at }: Field<ConnectionPool>) -> Option<Source<'a>> {
        let owner = self.effective.pool?;
        let at = at(self.rules.pool(owner)?)?;
        FieldRef::new(self.rules, Within::Pool(owner), path, at).map(Source::new)
    }

    /// Who has a block: first the one whose block holds, if one does.
    fn owners(&self, block: fn(&Level) -> Option<Owner>) -> Vec<Owner> {
        let first = block(&self.effective);
        let unused = self.entry.map_or(&[][..], |entry| &entry.unused_policies);
        let unused = unused.iter().flat_map(|policy| self.unused(policy));
        let others = self.levels.all().chain(unused);
        let mut owners: Vec<Owner> = first.into_iter().collect();
        for owner in others.filter_map(|level| block(&level)) {
            if !owners.contains(&owner) {
                owners.push(owner);
            }
        }
        owners
    }

    /// The levels of a policy that would hold if an older rule had none.
    fn unused(&self, policy: &Policy) -> Vec<Level> {
        let levels = Levels {
            rule: Some(policy),
            port: self.levels.port,
            ..Levels::default()
        };
        levels.all().collect()
    }
}

impl<'a> Values<'a, '_> {
    fn thresholds(&mut self) {
        let thresholds = self.settings.thresholds();
        for (name, field, value) in [
            (
                "thresholds.max_connections",
                field::MAX_CONNECTIONS,
                thresholds.max_connections,
            ),
            (
                "thresholds.max_pending_requests",
                field::MAX_PENDING_REQUESTS,
                thresholds.max_pending_requests,
            ),
            (
                "thresholds.max_requests",
                field::MAX_REQUESTS,
                thresholds.max_requests,
            ),
            (
                "thresholds.max_retries",
                field::MAX_RETRIES,
                thresholds.max_retries,
            ),
        ] {
            self.of_pool(name, value, &[field]);
        }
        if let Some(budget) = thresholds.retry_budget {
            self.of_budget(
                "thresholds.retry_budget.budget_percent",
                budget.budget_percent,
                field::PERCENT,
            );
            self.of_budget(
                "thresholds.retry_budget.min_retry_concurrency",
                budget.min_retry_concurrency,
                field::MIN_RETRY_CONCURRENCY,
            );
            self.of_budget(
                "thresholds.retry_budget.budget_interval",
                budget.budget_interval,
                field::BUDGET_INTERVAL,
            );
        }
        self.plain(
            "thresholds.track_remaining",
            thresholds.track_remaining,
            Source::Default,
        );
    }

    fn connections(&mut self) {
        let rules = self.settings.rules;
        let mesh = rules.mesh_settings();
        let of_mesh = mesh.and_then(|mesh| mesh.connect_timeout);
        let of_mesh = of_mesh.and_then(|timeout| self.mesh_field("connectTimeout", timeout.at));
        let found = self.in_pools(&[field::CONNECT_TIMEOUT]);
        let timeout = self.settings.connect_timeout();
        self.push("connect_timeout", timeout, found, of_mesh);
        let Some(keepalive) = self.settings.tcp_keepalive() else {
            return;
        };
        let block = mesh.and_then(|mesh| mesh.tcp_keepalive.as_ref());
        for (name, value, of_pool, of_mesh) in [
            (
                "tcp_keepalive.probes",
                keepalive.probes,
                field::POOL_PROBES,
                field::MESH_PROBES,
            ),
            (
                "tcp_keepalive.time_s",
                keepalive.time_s,
                field::POOL_TIME,
                field::MESH_TIME,
            ),
            (
                "tcp_keepalive.interval_s",
                keepalive.interval_s,
                field::POOL_INTERVAL,
                field::MESH_INTERVAL,
            ),
        ] {
            let at = block.and_then(|block| (of_mesh.at)(block));
            let of_mesh = at.and_then(|at| self.mesh_field(of_mesh.path, at));
            let found = self.in_pools(&[of_pool]);
            self.push(name, value, found, of_mesh);
        }
    }

    fn http(&mut self) {
        let Some(options) = self.settings.http_protocol_options() else {
            return;
        };
        if let Some(common) = options.common {
            self.of_pool(
                "http_protocol_options.idle_timeout",
                common.idle_timeout,
                &[field::HTTP_IDLE_TIMEOUT, field::TCP_IDLE_TIMEOUT],
            );
            self.of_pool(
                "http_protocol_options.max_connection_duration",
                common.max_connection_duration,
                &[field::MAX_CONNECTION_DURATION],
            );
            self.of_pool(
                "http_protocol_options.max_requests_per_connection",
                common.max_requests_per_connection,
                &[field::MAX_REQUESTS_PER_CONNECTION],
            );
        }
        self.upstream_protocol(options.upstream_protocol);
        if options.upstream_protocol == UpstreamProtocol::ExplicitHttp2 {
            self.of_pool(
                "http_protocol_options.h2_max_concurrent_streams",
                options.h2_max_concurrent_streams,
                &[field::MAX_CONCURRENT_STREAMS],
            );
        }
        if let Some(pings) = options.h2_keepalive {
            self.of_pool(
                "http_protocol_options.h2_keepalive.interval",
                pings.interval,
                &[field::PING_INTERVAL],
            );
            self.of_pool(
                "http_protocol_options.h2_keepalive.timeout",
                pings.timeout,
                &[field::PING_TIMEOUT],
            );
        }
    }

    fn upstream_protocol(&mut self, protocol: UpstreamProtocol) {
        let settings = self.settings;
        let pool = settings.effective.pool;
        let in_pool = |field: Field<ConnectionPool>| {
            let owner = pool?;
            let at = (field.at)(settings.rules.pool(owner)?)?;
            FieldRef::new(settings.rules, Within::Pool(owner), field.path, at)
        };
        let mesh = settings.rules.mesh_settings();
        let upgrade = mesh.and_then(|mesh| mesh.h2_upgrade_policy);
        let by_mesh = upgrade
            .filter(|policy| policy.value == H2UpgradePolicy::Upgrade)
            .and_then(|policy| self.mesh_field("h2UpgradePolicy", policy.at));
        let by_client = in_pool(field::USE_CLIENT_PROTOCOL).map(Source::new);
        let upgraded = protocol == UpstreamProtocol::ExplicitHttp2 && !settings.protocol.is_http2();
        let source = if let Some(source) = by_client {
            source
        } else if upgraded {
            let by_rule = in_pool(field::H2_UPGRADE_POLICY).filter(|_| self.rule_upgrades());
            let by_rule_or_mesh = by_rule.or(by_mesh);
            by_rule_or_mesh.map_or(Source::Default, Source::new)
        } else {
            Source::Protocol
        };
        self.plain(
            "http_protocol_options.upstream_protocol",
            Value::Name(protocol.as_str()),
            source,
        );
    }

    fn rule_upgrades(&self) -> bool {
        let pool = self.settings.effective.pool;
        let pool = pool.and_then(|owner| self.settings.rules.pool(owner));
        let http = pool.and_then(|pool| pool.http.as_ref());
        http.and_then(|http| http.h2_upgrade_policy)
            .is_some_and(|policy| policy.value == H2UpgradePolicy::Upgrade)
    }

    fn outlier(&mut self) {
        let Some(outlier) = self.settings.outlier_detection() else {
            return;
        };
        let set: [(_, Value, _); 12] = [
            (
                "outlier_detection.healthy_panic_threshold",
                outlier.healthy_panic_threshold.into(),
                field::MIN_HEALTH_PERCENT,
            ),
            (
                "outlier_detection.consecutive_5xx",
                outlier.consecutive_5xx.into(),
                field::CONSECUTIVE_5XX,
            ),
            (
                "outlier_detection.enforcing_consecutive_5xx",
                outlier.enforcing_consecutive_5xx.into(),
                field::CONSECUTIVE_5XX,
            ),
            (
                "outlier_detection.consecutive_gateway_failure",
                outlier.consecutive_gateway_failure.into(),
                field::CONSECUTIVE_GATEWAY,
            ),
            (
                "outlier_detection.enforcing_consecutive_gateway_failure",
                outlier.enforcing_consecutive_gateway_failure.into(),
                field::CONSECUTIVE_GATEWAY,
            ),
            (
                "outlier_detection.interval",
                outlier.interval.into(),
                field::INTERVAL,
            ),
            (
                "outlier_detection.base_ejection_time",
                outlier.base_ejection_time.into(),
                field::BASE_EJECTION_TIME,
            ),
            (
                "outlier_detection.max_ejection_percent",
                outlier.max_ejection_percent.into(),
                field::MAX_EJECTION_PERCENT,
            ),
            (
                "outlier_detection.split_external_local_origin_errors",
                outlier
                    .split_external_local_origin_errors
                    .then_some(true)
                    .into(),
                field::SPLIT,
            ),
            (
                "outlier_detection.consecutive_local_origin_failure",
                outlier.consecutive_local_origin_failure.into(),
                field::LOCAL_ORIGIN,
            ),
            (
                "outlier_detection.enforcing_consecutive_local_origin_failure",
                outlier.enforcing_consecutive_local_origin_failure.into(),
                field::LOCAL_ORIGIN,
            ),
            (
                "outlier_detection.enforcing_local_origin_success_rate",
                outlier.enforcing_local_origin_success_rate.into(),
                field::SPLIT,
            ),
        ];
        // Envoy's own default holds where nothing is sent.
        let sent = set
            .into_iter()
            .filter(|(_, value, _)| *value != Value::Null);
        for (name, value, field) in sent {
            self.of_outlier(name, value, field);
        }
        self.plain(
            "outlier_detection.enforcing_success_rate",
            outlier.enforcing_success_rate,
            Source::Default,
        );
    }

    fn of_pool(
        &mut self,
        name: &'static str,
        value: impl Into<Value>,
        fields: &[Field<ConnectionPool>],
    ) {
        let found = self.in_pools(fields);
        self.push(name, value, found, None);
    }

    fn of_budget(
        &mut self,
        name: &'static str,
        value: impl Into<Value>,
        field: Field<RetryBudget>,
    ) {
        let rules = self.settings.rules;
        let winner = self.settings.effective.retry_budget;
        let found = self.budgets.iter().filter_map(|owner| {
            let at = (field.at)(rules.retry_budget(*owner)?)?;
            let it = FieldRef::new(rules, Within::RetryBudget(*owner), field.path, at)?;
            Some((winner == Some(*owner), it))
        });
        let found = found.collect();
        self.push(name, value, found, None);
    }

    fn of_outlier(
        &mut self,
        name: &'static str,
        value: impl Into<Value>,
        field: Field<OutlierDetection>,
    ) {
        let rules = self.settings.rules;
        let winner = self.settings.effective.outlier;
        let found = self.outliers.iter().filter_map(|owner| {
            let at = (field.at)(rules.outlier(*owner)?)?;
            let it = FieldRef::new(rules, Within::Outlier(*owner), field.path, at)?;
            Some((winner == Some(*owner), it))
        });
        let found = found.collect();
        self.push(name, value, found, None);
    }

    /// Where these fields of pools say something, and whether that of a pool that holds; the
    /// first of such is what holds.
    fn in_pools(&self, fields: &[Field<ConnectionPool>]) -> Vec<(bool, FieldRef<'a>)> {
        let rules = self.settings.rules;
        let winner = self.settings.effective.pool;
        let mut found = Vec::new();
        for owner in &self.pools {
            let Some(pool) = rules.pool(*owner) else {
                continue;
            };
            found.extend(fields.iter().filter_map(|field| {
                let at = (field.at)(pool)?;
                let it = FieldRef::new(rules, Within::Pool(*owner), field.path, at)?;
                Some((winner == Some(*owner), it))
            }));
        }
        found
    }

    fn mesh_field(&self, name: &'static str, at: Position) -> Option<FieldRef<'a>> {
        FieldRef::new(self.settings.rules, Within::Mesh, name, at)
    }

    /// Adds a value that these fields say; one that holds before what the mesh says beside pools.
    fn push(
        &mut self,
        name: &'static str,
        value: impl Into<Value>,
        found: Vec<(bool, FieldRef<'a>)>,
        of_mesh: Option<FieldRef<'a>>,
    ) {
        let holds = found.iter().position(|(holds, _)| *holds);
        let mut others: Vec<FieldRef<'a>> = found.into_iter().map(|(_, field)| field).collect();
        let mut source = holds.map(|index| others.remove(index));
        match source {
            Some(_) => others.extend(of_mesh),
            None => source = of_mesh,
        }
        self.list.push(Setting {
            name,
            value: value.into(),
            source: source.map_or(Source::Default, Source::new),
            overrode: others.into_iter().map(Source::new).collect(),
        });
    }

    fn plain(&mut self, name: &'static str, value: impl Into<Value>, source: Source<'a>) {
        self.list.push(Setting {
            name,
            value: value.into(),
            source,
            overrode: Vec::new(),
        });
    }
}
