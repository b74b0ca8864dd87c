//! Where `sidecar` is not to do as Envoy does. Each difference has a name, a condition that knows
//! it when it sees it, and what can still be compared after it. The table of differences in the
//! documentation of `meshpool::outbound::destination` has them, too.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::moment::{InForce, Moment, is_idle};
use super::{Judgement, remains};
use crate::compare::{self, Difference};
use crate::player::Ended;
use crate::scenario::{Action, Protocol, Scenario, Step};

/// What is compared from a step on.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Scope {
    Everything,
    /// One side has connections that the other lacks: what becomes of requests, not on which
    /// connection.
    Requests,
    /// One side has another load: nothing, until neither has any.
    Nothing,
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
        holds: |now| now.is_new() && now.keeps_all() && !now.scenario.tls && !now.had_load(),
        after: Scope::Requests,
    },
    Intended {
        name: "a change of settings keeps the load",
        holds: |now| now.is_new() && now.keeps_all(),
        after: Scope::Nothing,
    },
    // Envoy gives the stream of a request that the connection took with it to the next, there.
    Intended {
        name: "nothing is sent into an HTTP/2 connection that is lost",
        holds: |now| {
            now.scenario.protocol == Protocol::H2
                && now.is_cut()
                && now.pended()
                && (now.refused_less()
                    || Moment::counted(now.envoy, "rq_total") > now.envoy.attached.len() as i64)
                && now.envoy.responses.len() > now.sidecar.responses.len()
        },
        after: Scope::Nothing,
    },
    // Both have refused it, or it pends on after a change; and Envoy has a connection more.
    Intended {
        name: "no connect for a request that is going to be refused",
        holds: |now| {
            let [by_envoy, by_sidecar] = now.refused();
            by_envoy == by_sidecar
                && (by_envoy > 0 || now.is_held_back())
                && now.envoy.opened.len() > now.sidecar.opened.len()
        },
        after: Scope::Requests,
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
    // Envoy refuses it on whatever connection is ready, and opens one for that if it must.
    Intended {
        name: "a lowered limit refuses nobody who pends",
        holds: |now| now.keeps_refused() && now.envoy.opened.len() >= now.sidecar.opened.len(),
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
        holds: |now| now.is_let_on(),
        after: Scope::Nothing,
    },
    Intended {
        name: "idle connections above a lowered limit close",
        holds: |now| now.closes_what_is_beyond(),
        after: Scope::Nothing,
    },
];

/// A difference that changes nothing of what comes after it.
struct Excused {
    name: &'static str,
    covers: fn(&Moment<'_>, &Difference) -> bool,
}

const EXCUSED: &[Excused] = &[
    Excused {
        name: "gauges follow a change at once",
        covers: |now, found| now.is_gauge_behind(found),
    },
    // Envoy closes a connection that has had its last request, and says nothing of the stream.
    Excused {
        name: "who leaves is told to the server, on a last stream, too",
        covers: |now, found| {
            let reset = |(envoy, sidecar): (&(String, String), &(String, String))| {
                let how = (&*envoy.1, &*sidecar.1);
                envoy.0 == sidecar.0 && how == ("conn closed by envoy", "stream reset by envoy")
            };
            let [envoy, sidecar] = [now.envoy, now.sidecar].map(|step| &step.aborted);
            found.field == "aborted"
                && matches!(now.envoy.action, Action::Cancel { .. })
                && now.envoy.closed == now.sidecar.closed
                && envoy.len() == sidecar.len()
                && envoy.iter().zip(sidecar).all(reset)
        },
    },
];

/// How often each was met.
#[derive(Default)]
pub(super) struct Hits(Mutex<BTreeMap<&'static str, u32>>);

impl Hits {
    fn count(&self, name: &'static str) {
        *self.0.lock().unwrap().entry(name).or_default() += 1;
    }

    /// Prints them, and returns those that were not met at all.
    pub(super) fn print(&self) -> Vec<&'static str> {
        let hits = self.0.lock().unwrap();
        let names = INTENDED.iter().map(|intended| intended.name);
        let names = names.chain(EXCUSED.iter().map(|excused| excused.name));
        let counted = names.map(|name| (name, hits.get(name).copied().unwrap_or(0)));
        counted
            .filter(|(name, count)| {
                eprintln!("{count:5} times: {name}");
                *count == 0
            })
            .map(|(name, _)| name)
            .collect()
    }
}

/// The differences that are not intended, and whether there was one in each step to be found.
pub(super) fn unintended(envoy: &Ended, sidecar: &Ended, hits: &Hits) -> Judgement {
    let mut judgement = compared(&envoy.seen, &sidecar.seen, hits);
    judgement
        .differences
        .extend(remains::not_given_back(sidecar));
    judgement
}

fn compared(envoy: &Scenario, sidecar: &Scenario, hits: &Hits) -> Judgement {
    let mut judgement = Judgement::same();
    let mut scope = Scope::Everything;
    let mut limits = InForce::new(envoy);
    let at_rest = limits.at_rest();
    let (mut envoy_before, mut sidecar_before) = (&at_rest, &at_rest);
    for (number, (left, right)) in envoy.steps.iter().zip(&sidecar.steps).enumerate() {
        limits.take(&left.action);
        let now = Moment {
            scenario: envoy,
            envoy: left,
            sidecar: right,
            envoy_before,
            sidecar_before,
            scope,
            limits: &limits,
        };
        let mut found = compare::steps(number, left, right);
        if scope != Scope::Nothing && (!found.is_empty() || now.is_new()) {
            if let Some(intended) = INTENDED.iter().find(|intended| (intended.holds)(&now)) {
                hits.count(intended.name);
                if scope == Scope::Everything || intended.after == Scope::Nothing {
                    scope = intended.after;
                }
            }
        }
        for Excused { name, covers } in EXCUSED {
            let count = found.len();
            found.retain(|found| !covers(&now, found));
            if found.len() < count {
                hits.count(name);
            }
        }
        // It is another connection on each side, or there is none on one.
        if scope == Scope::Requests
            && names_a_connection(&left.action)
            && !requests(number, left, right).is_empty()
        {
            scope = Scope::Nothing;
        }
        match scope {
            Scope::Everything => {}
            Scope::Requests => found = requests(number, left, right),
            Scope::Nothing => {
                judgement.is_whole = false;
                // What it does by itself is still to be right.
                found = now.wrong_by_itself();
                // Where handshakes are held, one more connection is who waits and who does not.
                if is_idle(left) && is_idle(right) && !envoy.tls {
                    scope = Scope::Requests;
                }
            }
        }
        if !found.is_empty() {
            judgement.differences = found;
            return judgement;
        }
        (envoy_before, sidecar_before) = (left, right);
    }
    if scope == Scope::Everything {
        judgement.differences = compare::end(envoy, sidecar);
    }
    judgement
}

fn names_a_connection(action: &Action) -> bool {
    matches!(
        action,
        Action::CloseUpstreamConn { .. } | Action::Goaway { .. } | Action::Settings { .. }
    )
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
