//! The end of a scenario: everything under way is let end, and then nothing may be left.

use std::collections::{BTreeMap, BTreeSet};

use super::{Player, SAME_AT_END, SAME_IN_TURN};
use crate::log::{Event, Tally};
use crate::proxy::Proxy;
use crate::recorder;
use crate::scenario::{Action, Cut, Protocol, Scenario, Step};
use crate::upstream::Reply;

/// What there still was of a scenario when all should have come to an end.
#[derive(Debug)]
pub(crate) struct Remains {
    /// Requests that ended only when their clients went away.
    pub(crate) stuck: BTreeSet<String>,
    /// What was seen meanwhile, and what the proxy said of itself in the end.
    pub(crate) last: Step,
    /// What was seen from outside in the end.
    pub(crate) tally: Tally,
}

impl<P: Proxy> Player<P> {
    /// Answers whatever is held or comes to be, sends away the clients for whom that is no help, and
    /// closes all connections.
    ///
    /// It does as little as it can, since an event more may wake what had been forgotten.
    pub(super) async fn drain(&mut self, scenario: &Scenario) -> Remains {
        let start = self.log.len();
        let before = self.proxy.stats().await;
        if !self.waiting().is_empty() {
            self.upstream.open().await;
            self.answer_all(scenario.protocol).await;
        }
        if !self.waiting().is_empty() {
            for number in shut(scenario) {
                self.upstream.settings(number, 1);
            }
            self.answer_all(scenario.protocol).await;
        }
        let stuck = self.waiting();
        for id in &stuck {
            self.clients.remove(id).expect("it waits").leave(false);
        }
        if !stuck.is_empty() {
            self.rest(SAME_AT_END).await;
        }
        for number in 1..=self.upstream.connections() {
            self.upstream.cut(number, Cut::Close);
        }
        let after = self.rest(SAME_AT_END).await;
        let events = self.log.since(start);
        Remains {
            stuck,
            last: recorder::step(&Action::Wait { ms: 0 }, &events, &before, &after),
            tally: self.log.tally(),
        }
    }

    /// The requests that have no response, and whose clients are there.
    fn waiting(&self) -> BTreeSet<String> {
        let mut waiting: BTreeSet<_> = self.clients.keys().cloned().collect();
        for event in self.log.since(0) {
            if let Event::Answered(id, _) = event {
                waiting.remove(&id);
            }
        }
        waiting
    }

    /// Until there is nothing more to answer. Every other time it is the last on its connection, so
    /// that what pends gets another.
    async fn answer_all(&self, protocol: Protocol) {
        for is_last in [true, false].into_iter().cycle() {
            self.rest(SAME_IN_TURN).await;
            let held = self.upstream.held();
            if held.is_empty() {
                return;
            }
            let mut reply = Reply::ok();
            if is_last && protocol == Protocol::H1 {
                let close = ("connection".to_owned(), "close".to_owned());
                reply.headers.extend([close]);
            }
            for id in held {
                self.upstream.release(&id, reply.clone());
            }
            if is_last && protocol == Protocol::H2 {
                for number in 1..=self.upstream.connections() {
                    self.upstream.goaway(number);
                }
            }
        }
    }
}

/// The connections on which the upstream wants no streams any more.
fn shut(scenario: &Scenario) -> Vec<u32> {
    let mut streams = BTreeMap::new();
    for step in &scenario.steps {
        if let Action::Settings {
            conns,
            max_concurrent_streams,
        } = &step.action
        {
            streams.extend(
                conns
                    .iter()
                    .map(|number| (*number, *max_concurrent_streams)),
            );
        }
    }
    let shut = streams.into_iter().filter(|(_, streams)| *streams == 0);
    shut.map(|(number, _)| number).collect()
}
