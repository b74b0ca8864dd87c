//! The limits that are enforced here, each with where it is from.

use super::row::Row;
use crate::istio::OnFull;
use crate::istio::settings::{GoDuration, Setting, Settings, Value};
use crate::istio::translate::InboundNumbers;

const MAX_CONNECTIONS: &str = "thresholds.max_connections";
const MAX_PENDING: &str = "thresholds.max_pending_requests";
const MAX_REQUESTS: &str = "thresholds.max_requests";
const IDLE_TIMEOUT: &str = "http_protocol_options.idle_timeout";
const DURATION: &str = "http_protocol_options.max_connection_duration";
const PER_CONNECTION: &str = "http_protocol_options.max_requests_per_connection";

const MET_FIRST: &str = "http2MaxRequests is met before any limit on connections: then Envoy \
                         refuses at once";
const BY_CONNECTOR: &str = "connections have it from a KeepAliveConnector, and from nothing else";
const NO_QUEUE: &str = "http1MaxPendingRequests is unset, so nobody asked for a queue";

/// The limits of some settings, by the names of [`Limits`](crate::Limits). What is unlimited is
/// among them: that nothing limits it is worth knowing as well.
pub(super) fn rows(settings: &Settings<'_>, values: &[Setting<'_>], on_full: OnFull) -> Vec<Row> {
    let rows = Rows { settings, values };
    match settings.query.is_inbound() {
        true => rows.inbound(on_full),
        false => rows.outbound(on_full),
    }
}

struct Rows<'a, 's> {
    settings: &'s Settings<'a>,
    values: &'s [Setting<'a>],
}

impl Rows<'_, '_> {
    fn inbound(&self, on_full: OnFull) -> Vec<Row> {
        let limits = self.settings.limits(on_full);
        let numbers = InboundNumbers::of(&self.settings.envoy.thresholds, self.settings.protocol);
        let [tighter, looser] = match numbers.requests_are_tighter() || numbers.slots().is_none() {
            true => [MAX_REQUESTS, MAX_CONNECTIONS],
            false => [MAX_CONNECTIONS, MAX_REQUESTS],
        };
        let mut requests = self.row("max_requests", limits.max_requests, tighter);
        if numbers.max_connections.is_some() && numbers.max_requests.is_some() {
            requests
                .overrode
                .insert(0, self.row("", Value::Null, looser).source);
        }
        let mut pending = self.row(
            "max_pending_requests",
            limits.max_pending_requests,
            MAX_PENDING,
        );
        if numbers.places(on_full) != numbers.max_pending {
            // It is not as the rule says, if that says anything: what decides is the other limit.
            let why = match on_full {
                OnFull::Refuse => MET_FIRST,
                _ => NO_QUEUE,
            };
            let unused = pending.take_source();
            let decides = self.row("", limits.max_requests, MAX_REQUESTS);
            pending = Row {
                source: decides.source,
                overrode: unused.into_iter().chain(pending.overrode).collect(),
                why: Some(why),
                ..pending
            };
        }
        let mut rows = vec![requests, pending];
        rows.extend(self.of_connections(on_full));
        rows
    }

    fn outbound(&self, on_full: OnFull) -> Vec<Row> {
        let limits = self.settings.limits(on_full);
        let mut rows = vec![
            self.row("max_requests", limits.max_requests, MAX_REQUESTS),
            self.row(
                "max_pending_requests",
                limits.max_pending_requests,
                MAX_PENDING,
            ),
            self.row("max_connections", limits.max_connections, MAX_CONNECTIONS),
        ];
        rows.extend(self.of_connections(on_full));
        rows.extend(self.of_http2());
        rows.extend(self.of_tcp());
        let timeout = self.settings.envoy.connect_timeout;
        rows.push(self.row(
            "connect_timeout",
            timeout.filter(|_| limits.connect_timeout.is_some()),
            "connect_timeout",
        ));
        match limits.retry_budget {
            None => {
                rows.push(self.row("max_retries", limits.max_retries, "thresholds.max_retries"))
            }
            Some(_) => {
                for (name, setting) in [
                    (
                        "retry_budget.percent",
                        "thresholds.retry_budget.budget_percent",
                    ),
                    (
                        "retry_budget.min_concurrency",
                        "thresholds.retry_budget.min_retry_concurrency",
                    ),
                ] {
                    let value = self.find(setting).map_or(Value::Null, Setting::value);
                    rows.push(self.row(name, value, setting));
                }
            }
        }
        rows
    }

    /// The limits on connections that turn out to be HTTP/2.
    fn of_http2(&self) -> [Row; 3] {
        let envoy = &self.settings.envoy;
        let pings = envoy.http2_keepalive;
        let [interval, timeout] = self.settings.http2_keepalive_from();
        [
            (
                "max_concurrent_streams",
                envoy.max_concurrent_streams.into(),
                self.settings.max_concurrent_streams_from(),
            ),
            (
                "http2_keep_alive_interval",
                positive(pings.and_then(|pings| pings.interval)).into(),
                interval,
            ),
            (
                "http2_keep_alive_timeout",
                positive(pings.and_then(|pings| pings.timeout)).into(),
                timeout,
            ),
        ]
        .map(|(name, value, source): (_, Value, _)| {
            let mut row = Row::new(name, value);
            if let Some(source) = source.filter(|_| value != Value::Null) {
                row.source = source.to_string();
            }
            row
        })
    }

    /// The keep-alive of connections, as far as something is said of it.
    fn of_tcp(&self) -> Vec<Row> {
        let Some(keepalive) = self.settings.tcp_keepalive() else {
            return Vec::new();
        };
        let seconds =
            |time: u32| GoDuration::from_nanos(i64::from(time).saturating_mul(1_000_000_000));
        let [time, interval] = [keepalive.time_s, keepalive.interval_s].map(|it| it.map(seconds));
        let said = [
            ("tcp_keep_alive.time", "tcp_keepalive.time_s", time.into()),
            (
                "tcp_keep_alive.interval",
                "tcp_keepalive.interval_s",
                interval.into(),
            ),
            (
                "tcp_keep_alive.probes",
                "tcp_keepalive.probes",
                keepalive.probes.into(),
            ),
        ];
        let limits = self.settings.limits(OnFull::default());
        let is_off = limits.tcp_keep_alive.is_some_and(|it| it.is_off());
        let switch = Value::Name(if is_off { "off" } else { "on" });
        let said = said
            .into_iter()
            .filter(|(_, _, value)| *value != Value::Null);
        let said: Vec<_> = said.collect();
        let of_switch = said.first().map_or("", |(_, setting, _)| *setting);
        let rows = [("tcp_keep_alive", of_switch, switch)]
            .into_iter()
            .chain(said);
        rows.map(|(name, setting, value)| Row {
            why: Some(BY_CONNECTOR),
            ..self.row(name, value, setting)
        })
        .collect()
    }

    /// The limits on each connection, which are the same in both directions.
    fn of_connections(&self, on_full: OnFull) -> [Row; 3] {
        let limits = self.settings.limits(on_full);
        let common = self.settings.envoy.http.and_then(|http| http.common);
        let requests = limits.max_requests_per_connection.map(u32::from);
        [
            self.row("max_requests_per_connection", requests, PER_CONNECTION),
            self.row(
                "idle_timeout",
                positive(common.and_then(|common| common.idle_timeout)),
                IDLE_TIMEOUT,
            ),
            self.row(
                "max_connection_duration",
                positive(common.and_then(|common| common.max_connection_duration)),
                DURATION,
            ),
        ]
    }

    fn find(&self, name: &str) -> Option<&Setting<'_>> {
        self.values.iter().find(|setting| setting.name() == name)
    }

    /// A limit that is what a setting says.
    fn row(&self, name: &'static str, value: impl Into<Value>, setting: &str) -> Row {
        let mut row = Row::new(name, value);
        if let Some(setting) = self.find(setting) {
            row.source = setting.source().to_string();
            row.overrode = setting.overrode().iter().map(ToString::to_string).collect();
        }
        row
    }
}

/// To Istio, and so here, less than a millisecond is none.
fn positive(time: Option<GoDuration>) -> Option<GoDuration> {
    time.filter(|time| time.positive().is_some())
}
