//! Where `sidecar` is not to do as Envoy does. Each difference has a name, a condition that knows
//! it when it sees it, and what can still be compared after it. The table of differences in the
//! documentation of `meshpool::outbound::destination` has them, too.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::compare::{self, Difference};
use crate::scenario::{Action, By, How, Protocol, Scenario, Step};

/// What is compared from a step on.
#[derive(Clone, Copy, PartialEq)]
enum Scope {
    Everything,
    /// One side has connections that the other lacks: what becomes of requests, not on which
    /// connection.
    Requests,
    /// One side has another load: nothing any more.
    Nothing,
}

/// A step on both sides, and what was before it.
struct Moment<'a> {
    scenario: &'a Scenario,
    envoy: &'a Step,
    sidecar: &'a Step,
    /// As Envoy said at the end of the step before.
    active: u64,
    pending: u64,
    scope: Scope,
    /// The limit on connections has been changed, in this step or earlier.
    reconnected: bool,
}

impl Moment<'_> {
    fn is_set(&self) -> bool {
        matches!(self.envoy.action, Action::Set { .. })
    }

    /// The upstream ends a connection.
    fn is_cut(&self) -> bool {
        match self.envoy.action {
            Action::Release { how, .. } => matches!(how, Some(How::Close | How::Rst)),
            Action::CloseUpstreamConn { .. } => true,
            _ => false,
        }
    }

    fn counted(step: &Step, counter: &str) -> i64 {
        step.delta.get(counter).copied().unwrap_or(0)
    }

    /// How many were refused for want of room to run, on either side.
    fn refused(&self) -> [i64; 2] {
        [self.envoy, self.sidecar].map(|step| Self::counted(step, "rq_active_overflow"))
    }

    fn refused_less(&self) -> bool {
        let [by_envoy, by_sidecar] = self.refused();
        by_sidecar < by_envoy
    }

    fn refused_more(&self) -> bool {
        let [by_envoy, by_sidecar] = self.refused();
        by_sidecar > by_envoy
    }
}

struct Intended {
    name: &'static str,
    /// Said of a step in which they differ, or of one after which they may.
    holds: fn(&Moment<'_>) -> bool,
    after: Scope,
}

/// In the order in which they are tried.
const INTENDED: &[Intended] = &[
    // A change of settings is a new generation in Envoy. With no load it loses but the connections.
    Intended {
        name: "a change of settings keeps the connections",
        holds: |now| now.is_set() && !now.scenario.tls && now.active + now.pending == 0,
        after: Scope::Requests,
    },
    Intended {
        name: "a change of settings keeps the load",
        holds: |now| now.is_set(),
        after: Scope::Nothing,
    },
    // Envoy gives the stream of a request that the connection took with it to the next, there.
    Intended {
        name: "nothing is sent into an HTTP/2 connection that is lost",
        holds: |now| {
            now.scenario.protocol == Protocol::H2
                && now.is_cut()
                && now.pending > 0
                && (now.refused_less()
                    || Moment::counted(now.envoy, "rq_total") > now.envoy.attached.len() as i64)
                && now.envoy.responses.len() > now.sidecar.responses.len()
        },
        after: Scope::Nothing,
    },
    // Both have refused it, and Envoy has a connection more.
    Intended {
        name: "no connect for a request that is going to be refused",
        holds: |now| {
            let [by_envoy, by_sidecar] = now.refused();
            by_envoy > 0
                && by_envoy == by_sidecar
                && now.envoy.opened.len() > now.sidecar.opened.len()
        },
        after: Scope::Requests,
    },
    // Envoy opens a connection, and refuses on it all that pend.
    Intended {
        name: "no connect to refuse on it what pends",
        holds: |now| now.refused_less() && now.envoy.opened.len() > now.sidecar.opened.len(),
        after: Scope::Nothing,
    },
    // What Envoy opened in vain is ready, and there may be no other any more.
    Intended {
        name: "no spare connection to be taken or refused on",
        holds: |now| {
            now.scope == Scope::Requests
                && (now.refused_less() || now.envoy.attached.len() > now.sidecar.attached.len())
                && now.sidecar.pending > now.envoy.pending
        },
        after: Scope::Nothing,
    },
    // Envoy has not refused it yet, and may not at all.
    Intended {
        name: "no waiting for a connect to be refused on",
        holds: |now| {
            now.scenario.tls && now.refused_more() && now.envoy.pending > now.sidecar.pending
        },
        after: Scope::Nothing,
    },
    Intended {
        name: "a raised limit reaches the queue at once",
        holds: |now| {
            let raised = matches!(
                now.envoy.action,
                Action::Runtime { .. } | Action::Settings { .. }
            );
            raised
                && now.pending > 0
                && (now.sidecar.attached.len() > now.envoy.attached.len()
                    || now.sidecar.opened.len() > now.envoy.opened.len())
        },
        after: Scope::Nothing,
    },
    Intended {
        name: "idle connections above a lowered limit close",
        holds: |now| {
            let closed = |step: &Step| {
                let by_proxy = step.closed.iter().filter(|(_, by)| *by == By::Proxy);
                by_proxy.count()
            };
            now.reconnected && closed(now.sidecar) > closed(now.envoy)
        },
        after: Scope::Nothing,
    },
];

/// Excuses the gauges alone, after a limit was changed in place.
const GAUGES: &str = "gauges follow a change at once";

/// How often each was met.
#[derive(Default)]
pub(super) struct Hits(Mutex<BTreeMap<&'static str, u32>>);

impl Hits {
    fn count(&self, name: &'static str) {
        *self.0.lock().unwrap().entry(name).or_default() += 1;
    }

    pub(super) fn print(&self) {
        let hits = self.0.lock().unwrap();
        for name in INTENDED
            .iter()
            .map(|intended| intended.name)
            .chain([GAUGES])
        {
            let count = hits.get(name).copied().unwrap_or(0);
            eprintln!("{count:5} times: {name}");
        }
    }
}

/// The differences that are not intended.
pub(super) fn unintended(envoy: &Scenario, sidecar: &Scenario, hits: &Hits) -> Vec<Difference> {
    let mut scope = Scope::Everything;
    let (mut active, mut pending) = (0, 0);
    let (mut changed, mut reconnected) = (false, false);
    for (number, (left, right)) in envoy.steps.iter().zip(&sidecar.steps).enumerate() {
        changed |= matches!(left.action, Action::Runtime { .. } | Action::Set { .. });
        reconnected |= match &left.action {
            Action::Runtime { set } => set.keys().any(|key| key.ends_with("max_connections")),
            Action::Set { .. } => true,
            _ => false,
        };
        let now = Moment {
            scenario: envoy,
            envoy: left,
            sidecar: right,
            active,
            pending,
            scope,
            reconnected,
        };
        let mut found = compare::steps(number, left, right);
        if !found.is_empty() || now.is_set() {
            if let Some(intended) = INTENDED.iter().find(|intended| (intended.holds)(&now)) {
                hits.count(intended.name);
                if scope == Scope::Everything || intended.after == Scope::Nothing {
                    scope = intended.after;
                }
            }
        }
        if changed && !found.is_empty() && found.iter().all(|one| one.field.starts_with("cb.")) {
            hits.count(GAUGES);
            found.clear();
        }
        match scope {
            Scope::Everything => {}
            Scope::Requests => found = requests(number, left, right),
            Scope::Nothing => return Vec::new(),
        }
        if !found.is_empty() {
            return found;
        }
        (active, pending) = (left.active, left.pending);
    }
    match scope {
        Scope::Everything => compare::end(envoy, sidecar),
        Scope::Requests | Scope::Nothing => Vec::new(),
    }
}

/// What is left of a step without its connections.
fn requests(number: usize, envoy: &Step, sidecar: &Step) -> Vec<Difference> {
    const COUNTERS: &[&str] = &[
        "rq_active_overflow",
        "rq_cancelled",
        "rq_pending_overflow",
        "rq_retry",
        "rq_retry_overflow",
        "rq_total",
    ];
    let bare = |step: &Step| {
        let mut bare = Step::new(step.action.clone());
        bare.attached = step.attached.clone();
        for (_, connection, nth) in &mut bare.attached {
            (*connection, *nth) = (0, 0);
        }
        bare.responses = step.responses.clone();
        bare.active = step.active;
        bare.pending = step.pending;
        // A new generation counts from 0.
        if !matches!(step.action, Action::Set { .. }) {
            bare.delta = step.delta.clone();
            bare.delta.retain(|name, _| COUNTERS.contains(&&**name));
        }
        bare
    };
    compare::steps(number, &bare(envoy), &bare(sidecar))
}
