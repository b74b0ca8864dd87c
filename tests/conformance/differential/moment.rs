//! A step on both sides, and what was before it.

use std::collections::{BTreeMap, BTreeSet};

use super::intended::Scope;
use crate::compare::Difference;
use crate::scenario::{Action, By, ConnectionPool, How, Scenario, Settings, Step};

/// What is looked at to say whether a difference is intended.
pub(super) struct Moment<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) envoy: &'a Step,
    pub(super) sidecar: &'a Step,
    /// The steps before; at the start there is nothing in them but the gauges.
    pub(super) envoy_before: &'a Step,
    pub(super) sidecar_before: &'a Step,
    pub(super) scope: Scope,
    pub(super) limits: &'a InForce,
}

/// The limits, as steps change them.
pub(super) struct InForce {
    settings: Settings,
    runtime: BTreeMap<String, u32>,
    pool: ConnectionPool,
    /// As it was before this step.
    pool_before: ConnectionPool,
    /// The settings have become others with this step.
    is_new: bool,
    /// Changed in place, now or earlier, by the names that gauges have for them.
    in_place: BTreeSet<&'static str>,
    /// How many streams the upstream wanted on each connection at first, if it said so.
    first_streams: Option<u32>,
    /// And where it has said something else since.
    streams: BTreeMap<u32, u32>,
    /// It wants more on one of them, with this step.
    wants_more: bool,
}

impl InForce {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let settings = scenario.settings.clone();
        let pool = settings.connection_pool.clone().unwrap_or_default();
        Self {
            pool_before: pool.clone(),
            pool,
            settings,
            runtime: BTreeMap::new(),
            is_new: false,
            in_place: BTreeSet::new(),
            first_streams: scenario.upstream.max_concurrent_streams,
            streams: BTreeMap::new(),
            wants_more: false,
        }
    }

    pub(super) fn take(&mut self, action: &Action) {
        self.is_new = false;
        self.wants_more = false;
        self.pool_before = self.pool.clone();
        match action {
            Action::Runtime { set } => {
                let short = |key: &str| match key.rsplit('.').next() {
                    Some("max_connections") => "cx",
                    Some("max_pending_requests") => "pending",
                    Some("max_requests") => "rq",
                    _ => panic!("no gauges are known of {key}"),
                };
                self.in_place.extend(set.keys().map(|key| short(key)));
                self.runtime.extend(set.clone());
            }
            Action::Set { settings, .. } => {
                self.is_new = *settings != self.settings;
                self.settings = settings.clone();
            }
            Action::Settings {
                conns,
                max_concurrent_streams: now,
            } => {
                for number in conns {
                    let before = self.streams.insert(*number, *now).or(self.first_streams);
                    self.wants_more |= before.is_some_and(|before| before < *now);
                }
                return;
            }
            _ => return,
        }
        let changed = self.settings.changed(&self.runtime);
        self.pool = changed.connection_pool.unwrap_or_default();
    }

    /// What a proxy is known to say before anything has happened.
    pub(super) fn at_rest(&self) -> Step {
        let mut step = Step::new(Action::Listen);
        for name in ["cx", "pending", "rq"] {
            match self.of(name, &step) {
                Some((u64::MAX, _)) | None => None,
                Some((limit, _)) => step.cb.insert(format!("default.remaining_{name}"), limit),
            };
        }
        if let Some(limit) = self.pool.http.max_retries {
            let gauge = "default.remaining_retries".to_owned();
            step.cb.insert(gauge, limit.into());
        }
        step
    }

    /// A limit, and what there is of it in a step.
    fn of(&self, name: &str, step: &Step) -> Option<(u64, u64)> {
        let load = match name {
            "cx" => step.cx,
            "pending" => step.pending,
            "rq" => step.active,
            _ => return None,
        };
        Some((limit(&self.pool, name)?, load))
    }

    /// The limit has become a higher one with this step.
    fn is_raised(&self, name: &str) -> bool {
        limit(&self.pool, name) > limit(&self.pool_before, name)
    }

    /// A connection has its last request sooner, with this step.
    fn ends_sooner(&self) -> bool {
        let [now, before] = [&self.pool, &self.pool_before]
            .map(|pool| pool.http.max_requests_per_connection.unwrap_or(u32::MAX));
        now < before
    }
}

/// A limit of those that a step shows the load of. Unset is unlimited.
fn limit(pool: &ConnectionPool, name: &str) -> Option<u64> {
    let limit = match name {
        "cx" => pool.tcp.max_connections,
        "pending" => pool.http.max_pending_requests,
        "rq" => pool.http.max_requests,
        _ => return None,
    };
    Some(limit.map_or(u64::MAX, u64::from))
}

impl Moment<'_> {
    /// Other settings come into force.
    pub(super) fn is_new(&self) -> bool {
        self.limits.is_new
    }

    /// The upstream ends a connection.
    pub(super) fn is_cut(&self) -> bool {
        match self.envoy.action {
            Action::Release { how, .. } => matches!(how, Some(How::Close | How::Rst)),
            Action::CloseUpstreamConn { .. } => true,
            _ => false,
        }
    }

    pub(super) fn had_load(&self) -> bool {
        !is_idle(self.envoy_before)
    }

    pub(super) fn pended(&self) -> bool {
        self.envoy_before.pending > 0
    }

    pub(super) fn counted(step: &Step, counter: &str) -> i64 {
        step.delta.get(counter).copied().unwrap_or(0)
    }

    /// How many were refused for want of room to run, on either side.
    pub(super) fn refused(&self) -> [i64; 2] {
        [self.envoy, self.sidecar].map(|step| Self::counted(step, "rq_active_overflow"))
    }

    pub(super) fn refused_less(&self) -> bool {
        let [by_envoy, by_sidecar] = self.refused();
        by_sidecar < by_envoy
    }

    pub(super) fn refused_more(&self) -> bool {
        let [by_envoy, by_sidecar] = self.refused();
        by_sidecar > by_envoy
    }

    /// More pend in `sidecar` than may become active, since limits were changed in place.
    pub(super) fn is_held_back(&self) -> bool {
        let (limit, active) = self.limits.of("rq", self.sidecar).expect("it is one");
        !self.limits.in_place.is_empty()
            && self.sidecar.pending > 0
            && active + self.sidecar.pending > limit
    }

    /// What pends in `sidecar` goes on, thanks to a limit that was raised in place.
    pub(super) fn is_let_on(&self) -> bool {
        let opens = self.sidecar.opened.len() > self.envoy.opened.len();
        let attaches = self.sidecar.attached.len() > self.envoy.attached.len();
        let limits = self.limits;
        self.pended()
            && !self.is_new()
            && (limits.is_raised("cx") && opens
                || (limits.is_raised("rq") || limits.wants_more) && attaches)
    }

    /// Who was refused by Envoy alone pends on in `sidecar`, which has no room for it; the others
    /// are where they are in Envoy. One whose retry finds no room to run or none to wait is refused
    /// by either.
    pub(super) fn keeps_refused(&self) -> bool {
        let [envoy, sidecar] = [self.envoy, self.sidecar].map(|step| {
            let refused = ["rq_active_overflow", "rq_pending_overflow"]
                .map(|counter| Self::counted(step, counter))
                .iter()
                .sum::<i64>();
            let [answered, pending] = [step.responses.len() as i64, step.pending as i64];
            (refused, answered - refused, pending + refused, step.active)
        });
        self.refused_less()
            && self.is_held_back()
            && sidecar.0 < envoy.0
            && (sidecar.1, sidecar.2, sidecar.3) == (envoy.1, envoy.2, envoy.3)
    }

    /// `sidecar` closes more than Envoy, and has had so many more than its limit. Nobody was on
    /// them.
    pub(super) fn closes_what_is_beyond(&self) -> bool {
        let [by_envoy, by_sidecar] = [self.envoy, self.sidecar].map(|step| {
            let by_proxy = step.closed.iter().filter(|(_, by)| *by == By::Proxy);
            by_proxy.count() as u64
        });
        let (limit, _) = self.limits.of("cx", self.sidecar).expect("it is one");
        let beyond = self.sidecar_before.cx.saturating_sub(limit);
        by_sidecar > by_envoy
            && by_sidecar - by_envoy <= beyond
            && self.sidecar.aborted.len() == self.envoy.aborted.len()
    }

    /// `sidecar` goes on with all that it had: nothing has failed or was refused, and no connection
    /// has gone but those beyond the limit, and those that have had their last request by the new
    /// limit on that.
    pub(super) fn keeps_all(&self) -> bool {
        let (before, now) = (self.sidecar_before, self.sidecar);
        let (limit, _) = self.limits.of("cx", now).expect("it is one");
        let spent = match self.limits.ends_sooner() {
            true => u64::try_from(Self::counted(now, "cx_max_requests")).unwrap(),
            false => 0,
        };
        now.responses.is_empty()
            && now.aborted.is_empty()
            && now.active + now.pending == before.active + before.pending
            && now.cx + spent >= before.cx.min(limit)
    }

    /// The difference is of a gauge of a limit that was changed in place: Envoy's is as it was, and
    /// `sidecar`'s is as it should be.
    pub(super) fn is_gauge_behind(&self, found: &Difference) -> bool {
        let Some((_, gauge)) = found.field.split_once("cb.default.") else {
            return false;
        };
        let (name, is_open) = match gauge {
            "cx_open" => ("cx", true),
            "rq_pending_open" => ("pending", true),
            "rq_open" => ("rq", true),
            _ => (gauge.trim_start_matches("remaining_"), false),
        };
        let Some((limit, load)) = self.limits.of(name, self.sidecar) else {
            return false;
        };
        let truth = match is_open {
            true => (load >= limit).then_some(1),
            false => Some(limit.saturating_sub(load)),
        };
        let of = |step: &Step| step.cb.get(&format!("default.{gauge}")).copied();
        self.limits.in_place.contains(name)
            && of(self.envoy) == of(self.envoy_before)
            && of(self.sidecar) == truth
    }

    /// Where `sidecar` is wrong whatever Envoy does: it has more than a limit allows, and did not
    /// have that before, or loses something with a change of settings.
    pub(super) fn wrong_by_itself(&self) -> Vec<Difference> {
        let difference = |field, left: String, right: String| Difference {
            step: None,
            field,
            left,
            right,
        };
        let beyond = ["cx", "pending", "rq"].into_iter().filter_map(|name| {
            let (limit, load) = self.limits.of(name, self.sidecar)?;
            let (_, before) = self.limits.of(name, self.sidecar_before)?;
            let field = format!("more than the limit, {name}");
            (load > limit.max(before))
                .then(|| difference(field, limit.to_string(), load.to_string()))
        });
        let lost = (self.is_new() && !self.keeps_all()).then(|| {
            let [before, now] = [self.sidecar_before, self.sidecar].map(|it| format!("{it:?}"));
            difference("lost with a change".to_owned(), before, now)
        });
        beyond.chain(lost).collect()
    }
}

pub(super) fn is_idle(step: &Step) -> bool {
    step.active + step.pending == 0
}
