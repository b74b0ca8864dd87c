//! From what happened to what `observations.json` says of it.

use std::collections::BTreeMap;

use crate::client::NO_RESPONSE;
use crate::log::Event;
use crate::scenario::{Action, Fate, Outcome, Step};
use crate::stats::Stats;

impl Step {
    /// A step of which nothing has been seen.
    pub(crate) fn new(action: Action) -> Self {
        Self {
            action,
            attached: Vec::new(),
            opened: Vec::new(),
            closed: Vec::new(),
            responses: Vec::new(),
            aborted: Vec::new(),
            active: 0,
            pending: 0,
            cx: 0,
            delta: BTreeMap::new(),
            cb: BTreeMap::new(),
            admin: None,
            flood_result: None,
            rounds_result: None,
        }
    }
}

impl Step {
    /// Which of two connections that were ready at once was heard of first is chance: what remains
    /// is which request each was given, and when on it.
    pub(crate) fn sort_by_connection(&mut self) {
        let connection = |(_, connection, nth): &(_, _, _)| (*connection, *nth);
        self.attached.sort_by_key(connection);
    }
}

/// The requests of a scenario as they were attached.
pub(crate) fn served_order(steps: &[Step]) -> Vec<String> {
    let attached = steps.iter().flat_map(|step| &step.attached);
    attached.map(|(id, ..)| id.clone()).collect()
}

/// What was seen in a step.
pub(crate) fn step(action: &Action, events: &[Event], before: &Stats, after: &Stats) -> Step {
    let mut step = Step::new(action.clone());
    step.active = after.active();
    step.pending = after.pending();
    step.cx = after.connections();
    step.delta = after.delta(before);
    step.cb = after.circuit_breakers();
    for event in events.iter().cloned() {
        match event {
            Event::Opened(connection) => step.opened.push(connection),
            Event::Closed(connection, by) => step.closed.push((connection, by)),
            Event::Attached(id, connection, nth) => step.attached.push((id, connection, nth)),
            Event::Aborted(id, how) => step.aborted.push((id, how)),
            Event::Answered(id, status) => step.responses.push((id, status)),
            Event::Abandoned | Event::Released | Event::Sent | Event::Left(_) => {}
        }
    }
    step.sort_by_connection();
    step
}

/// What became of each request of a scenario.
#[derive(Default)]
pub(crate) struct Outcomes(BTreeMap<String, Request>);

#[derive(Default)]
struct Request {
    queued: bool,
    attached: bool,
    status: Option<u16>,
    left: bool,
}

impl Outcomes {
    /// Takes in a step; `sent` are the requests that were sent in it.
    pub(crate) fn take(&mut self, sent: &[String], events: &[Event]) {
        for id in sent {
            self.0.insert(id.clone(), Request::default());
        }
        for event in events {
            match event {
                Event::Attached(id, ..) => self.of(id, |request| request.attached = true),
                Event::Answered(id, status) => {
                    self.of(id, |request| request.status = Some(*status))
                }
                Event::Left(id) => self.of(id, |request| request.left = true),
                _ => {}
            }
        }
        for id in sent {
            self.of(id, |request| {
                request.queued = !request.attached && request.status.is_none();
            });
        }
    }

    fn of(&mut self, id: &str, change: impl FnOnce(&mut Request)) {
        change(self.0.get_mut(id).expect("nobody else sends anything"));
    }

    /// How many of them the access log should know.
    pub(crate) fn ended(&self) -> usize {
        let ended = |request: &&Request| request.left || request.status.is_some();
        self.0.values().filter(ended).count()
    }

    pub(crate) fn finish(self, access_log: &[String]) -> BTreeMap<String, Outcome> {
        let flags: BTreeMap<_, _> = access_log.iter().filter_map(|line| flags(line)).collect();
        let outcomes = self.0.into_iter().map(|(id, request)| {
            let (fate, status) = match request {
                Request { left: true, .. } => (Fate::CancelledByClient, None),
                Request { status: None, .. } => (Fate::InFlightWhenScenarioEnded, None),
                Request {
                    attached: false,
                    status,
                    ..
                } => (Fate::Rejected, status),
                Request {
                    status: Some(200), ..
                } => (Fate::Served, Some(200)),
                Request { status, .. } => (Fate::Failed, status),
            };
            let outcome = Outcome {
                outcome: fate,
                status: status.filter(|status| *status != NO_RESPONSE),
                queued: request.queued,
                flags: flags.get(&*id).cloned().flatten(),
            };
            (id, outcome)
        });
        outcomes.collect()
    }
}

/// A line of an access log: whose it is, and its flags.
fn flags(line: &str) -> Option<(&str, Option<String>)> {
    let mut words = line.split(' ');
    let (_method, path, _status, flags) =
        (words.next()?, words.next()?, words.next()?, words.next()?);
    let id = path.rsplit('/').next()?;
    Some((id, (flags != "-").then(|| flags.to_owned())))
}
