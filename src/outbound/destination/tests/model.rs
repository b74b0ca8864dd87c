//! A driver that does what the machine asks for whenever a test says so, and believes nothing: it
//! keeps its own account of every request and connection, as plain as can be.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::super::{
    Action, ConnectionKey, End, Expected, Machine, Placement, Protocol, RequestKey, Side,
};
use crate::Limits;
use crate::admission::{Overflow, Resource};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Link {
    Connecting,
    Open,
    /// Takes no more.
    Draining,
    /// The machine asked to close it.
    Closing,
}

#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) key: ConnectionKey,
    pub(super) link: Link,
    pub(super) http2: bool,
    pub(super) streams: u32,
    pub(super) carried: u32,
    pub(super) requests: Vec<RequestKey>,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Outcomes {
    pub(super) attached: u64,
    pub(super) overflowed: BTreeMap<&'static str, u64>,
    pub(super) failed: u64,
    pub(super) cancelled_pending: u64,
    pub(super) ended: u64,
    pub(super) pended: u64,
    pub(super) opened: u64,
    pub(super) gone: u64,
}

pub(super) struct Model {
    pub(super) machine: Machine,
    pub(super) now: Duration,
    pub(super) actions: Vec<Action>,
    pub(super) queue: VecDeque<RequestKey>,
    /// Those that pend beyond the limit, as they had their turn before.
    handed_back: HashSet<RequestKey>,
    /// Those that pended when [`Limits::max_requests`] was lowered.
    spared: HashSet<RequestKey>,
    /// How many others pended when that was last looked at.
    ordinary: u32,
    pub(super) active: HashMap<RequestKey, ConnectionKey>,
    /// Whose connection went under them; their holders have not noticed. Those of HTTP/1 say how.
    pub(super) orphans: Vec<(RequestKey, bool)>,
    pub(super) connections: Vec<Connection>,
    pub(super) stale_requests: Vec<RequestKey>,
    pub(super) stale_connections: Vec<ConnectionKey>,
    pub(super) retries: u32,
    pub(super) outcomes: Outcomes,
}

impl Model {
    pub(super) fn new(limits: Limits, expected: Expected) -> Self {
        Self {
            machine: Machine::new(limits, expected),
            now: Duration::ZERO,
            actions: Vec::new(),
            queue: VecDeque::new(),
            handed_back: HashSet::new(),
            spared: HashSet::new(),
            ordinary: 0,
            active: HashMap::new(),
            orphans: Vec::new(),
            connections: Vec::new(),
            stale_requests: Vec::new(),
            stale_connections: Vec::new(),
            retries: 0,
            outcomes: Outcomes::default(),
        }
    }

    /// Feeds an event and checks all that must be true after it.
    pub(super) fn event<T>(
        &mut self,
        event: impl FnOnce(&mut Machine, Duration, &mut Vec<Action>) -> T,
    ) -> T {
        let before = self.machine.stats();
        let answer = event(&mut self.machine, self.now, &mut self.actions);
        for action in std::mem::take(&mut self.actions) {
            self.note(action);
        }
        let after = self.machine.stats();
        let limits = *self.machine.limits();
        let within =
            |now: u32, before: u32, max: Option<u32>| now <= max.unwrap_or(u32::MAX).max(before);
        assert!(within(
            after.rq_active,
            before.rq_active,
            limits.max_requests
        ));
        let max = limits.max_connections.map(|max| max.max(1));
        assert!(within(after.cx_active, before.cx_active, max));
        self.machine.check();
        answer
    }

    /// That the machine's numbers are those of the account kept here. Apart from `event`, as a
    /// test first has to note what the event itself was.
    pub(super) fn agree(&mut self) {
        let stats = self.machine.stats();
        assert_eq!(stats.rq_active as usize, self.active.len());
        assert_eq!(stats.cx_active as usize, self.connections.len());
        assert_eq!(stats.retries_active, self.retries);
        assert_eq!(self.machine.pending(), Vec::from(self.queue.clone()));
        let ordinary = self
            .queue
            .iter()
            .filter(|key| !self.handed_back.contains(key));
        let ordinary = u32::try_from(ordinary.count()).unwrap();
        let max = self.machine.limits().max_pending_requests;
        assert!(within(ordinary, self.ordinary, max));
        self.ordinary = ordinary;
        for connection in &self.connections {
            let carried_now = self.active.values().filter(|key| **key == connection.key);
            assert_eq!(carried_now.count(), connection.requests.len());
        }
        let Outcomes {
            attached,
            overflowed,
            failed,
            cancelled_pending,
            pended,
            opened,
            gone,
            ended: _,
        } = &self.outcomes;
        let counters = stats.counters;
        let overflows =
            |resource: Resource| overflowed.get(resource.as_str()).copied().unwrap_or(0);
        assert_eq!(counters.rq_total, *attached);
        assert_eq!(counters.rq_pending_total, *pended);
        assert_eq!(counters.rq_cancelled, *cancelled_pending);
        assert_eq!(
            counters.rq_active_overflow,
            overflows(Resource::MaxRequests)
        );
        assert_eq!(
            counters.rq_pending_overflow,
            overflows(Resource::MaxPendingRequests)
        );
        assert!(counters.rq_pending_failure_eject >= *failed);
        assert_eq!(counters.cx_total, *opened);
        assert_eq!(counters.cx_destroy, *gone);
        let unknown = self.orphans.iter().filter(|(_, http1)| *http1);
        assert_eq!(
            counters.cx_destroy_local + counters.cx_destroy_remote + unknown.count() as u64,
            *gone
        );
        assert_eq!(
            counters.cx_destroy_local_with_active_rq + counters.cx_destroy_remote_with_active_rq,
            counters.cx_destroy_with_active_rq
        );
    }

    fn note(&mut self, action: Action) {
        match action {
            Action::Open { connection } => {
                self.outcomes.opened += 1;
                self.connections.push(Connection {
                    key: connection,
                    link: Link::Connecting,
                    http2: false,
                    streams: u32::MAX,
                    carried: 0,
                    requests: Vec::new(),
                });
            }
            Action::Attach {
                request,
                connection,
            } => {
                assert_eq!(self.queue.pop_front(), Some(request), "first in, first out");
                self.spared.remove(&request);
                self.attach(request, connection);
            }
            Action::Refuse { request, overflow } => {
                assert_eq!(self.queue.pop_front(), Some(request), "first in, first out");
                assert_eq!(overflow.resource, Resource::MaxRequests);
                let is_hopeless = self.machine.limits().max_requests == Some(0);
                assert!(!self.spared.contains(&request) || is_hopeless);
                self.stale_requests.push(request);
                self.overflowed(overflow);
            }
            Action::Fail { request, .. } => {
                assert_eq!(self.queue.pop_front(), Some(request), "first in, first out");
                self.stale_requests.push(request);
                self.outcomes.failed += 1;
            }
            Action::Close { connection } => {
                let found = self.connection(connection);
                assert_ne!(found.link, Link::Closing, "asked for twice");
                assert!(found.requests.is_empty(), "closed under a request");
                found.link = Link::Closing;
            }
        }
    }

    pub(super) fn connection(&mut self, key: ConnectionKey) -> &mut Connection {
        let mut connections = self.connections.iter_mut();
        connections.find(|one| one.key == key).unwrap()
    }

    fn attach(&mut self, request: RequestKey, key: ConnectionKey) {
        let limits = *self.machine.limits();
        let max_streams = limits
            .max_concurrent_streams
            .map_or(u32::MAX, |max| max.get());
        let lifetime = limits
            .max_requests_per_connection
            .map_or(u32::MAX, |max| max.get());
        let connection = self.connection(key);
        assert_eq!(connection.link, Link::Open);
        let streams = match connection.http2 {
            true => connection.streams.min(max_streams),
            false => 1,
        };
        assert!(connection.requests.len() < streams as usize);
        assert!(connection.carried < lifetime);
        connection.carried += 1;
        connection.requests.push(request);
        self.outcomes.attached += 1;
        assert!(self.active.insert(request, key).is_none());
    }

    fn overflowed(&mut self, overflow: Overflow) {
        let resource = overflow.resource.as_str();
        *self.outcomes.overflowed.entry(resource).or_default() += 1;
    }

    pub(super) fn request(&mut self) {
        let ready = self.machine.ready();
        match self.event(Machine::request) {
            Ok((request, Placement::Attached(connection))) => {
                assert_eq!(ready.first(), Some(&connection), "last ready, first taken");
                self.attach(request, connection);
            }
            Ok((request, Placement::Pending)) => {
                self.outcomes.pended += 1;
                self.queue.push_back(request);
            }
            Err(overflow) => {
                self.overflowed(overflow);
            }
        }
    }

    /// Its holder lets go of a request that the machine knows as active.
    fn let_go(&mut self, request: RequestKey) -> &mut Connection {
        self.stale_requests.push(request);
        self.outcomes.ended += 1;
        let key = self.active.remove(&request).unwrap();
        let connection = self.connection(key);
        connection.requests.retain(|one| *one != request);
        connection
    }

    pub(super) fn end(&mut self, request: RequestKey, end: End) {
        let connection = self.let_go(request);
        let drains = [End::CompleteAndClose, End::CompleteAndLost, End::Lost];
        if drains.contains(&end) {
            connection.link = Link::Draining;
        }
        self.event(|machine, now, actions| machine.ended(request, end, now, actions));
    }

    pub(super) fn cancel(&mut self, request: RequestKey) {
        if let Some(at) = self.queue.iter().position(|one| *one == request) {
            self.queue.remove(at);
            self.stale_requests.push(request);
            self.outcomes.cancelled_pending += 1;
        } else {
            self.let_go(request);
        }
        self.event(|machine, now, actions| machine.cancelled(request, now, actions));
    }

    /// The holder of a request whose connection is gone ends it.
    pub(super) fn bury(&mut self, request: RequestKey, end: End) {
        let at = self.orphans.iter().position(|(one, _)| *one == request);
        self.orphans.remove(at.unwrap());
        self.stale_requests.push(request);
        self.outcomes.ended += 1;
        let before = self.machine.stats();
        self.event(|machine, now, actions| machine.ended(request, end, now, actions));
        let mut after = self.machine.stats();
        // Those are completed now.
        after.counters = before.counters;
        assert_eq!(after, before);
    }

    pub(super) fn hand_back(&mut self, request: RequestKey) {
        let key = self.active.remove(&request).unwrap();
        let connection = self.connection(key);
        connection.requests.retain(|one| *one != request);
        connection.link = Link::Draining;
        let was_before = |one: &RequestKey| self.handed_back.contains(one);
        let behind = self.queue.iter().rposition(was_before);
        self.queue.insert(behind.map_or(0, |at| at + 1), request);
        self.handed_back.insert(request);
        self.outcomes.pended += 1;
        self.event(|machine, now, actions| machine.handed_back(request, now, actions));
    }

    pub(super) fn connect(&mut self, key: ConnectionKey, protocol: Protocol) {
        let connection = self.connection(key);
        connection.link = Link::Open;
        connection.http2 = protocol == Protocol::Http2;
        self.event(|machine, now, actions| machine.connected(key, protocol, now, actions));
    }

    /// The socket of a connection is gone, asked for or not.
    pub(super) fn close(&mut self, key: ConnectionKey, by: Side) {
        let at = self.connections.iter().position(|one| one.key == key);
        let gone = self.connections.remove(at.unwrap());
        for request in gone.requests {
            self.active.remove(&request);
            self.orphans.push((request, !gone.http2));
        }
        self.stale_connections.push(key);
        self.outcomes.gone += 1;
        self.event(|machine, now, actions| machine.closed(key, by, now, actions));
    }

    pub(super) fn go_away(&mut self, key: ConnectionKey) {
        let connection = self.connection(key);
        if connection.link == Link::Open {
            connection.link = Link::Draining;
        }
        self.event(|machine, now, actions| machine.go_away(key, now, actions));
    }

    pub(super) fn settings(&mut self, key: ConnectionKey, streams: u32) {
        self.connection(key).streams = streams;
        self.event(|machine, now, actions| machine.settings(key, streams, now, actions));
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.event(Machine::tick);
        let next = self.machine.next_deadline();
        assert!(next.is_none_or(|next| next > self.now), "left undone");
    }

    pub(super) fn limits(&mut self, limits: Limits) {
        let before = self.stale_requests.len();
        let max = |limits: &Limits| limits.max_requests.unwrap_or(u32::MAX);
        if max(&limits) < max(self.machine.limits()) {
            self.spared.extend(&self.queue);
        }
        self.event(|machine, now, actions| machine.set_limits(limits, now, actions));
        let failed = self.stale_requests.len() - before;
        assert!(
            failed == 0 || limits.max_requests == Some(0),
            "a change failed somebody"
        );
    }

    /// Somebody asks for a retry, with so many that count besides.
    pub(super) fn retry(&mut self, besides: u32) {
        let limits = *self.machine.limits();
        let load = self.active.len() + self.queue.len() + besides as usize;
        let max = match limits.retry_budget {
            Some(budget) => Some(budget.retries_for(load as u64)),
            None => limits.max_retries,
        };
        let is_allowed = max.is_none_or(|max| self.retries < max);
        assert_eq!(self.machine.retry(besides), is_allowed);
        self.retries += u32::from(is_allowed);
    }

    pub(super) fn end_retry(&mut self) {
        if self.retries > 0 {
            self.retries -= 1;
            self.machine.retry_ended();
        }
    }

    /// Keys that name nothing any more do nothing.
    pub(super) fn pass_stale_keys(&mut self) {
        let before = self.machine.stats();
        let mut actions = Vec::new();
        for key in self.stale_requests.iter().rev().take(3) {
            self.machine
                .ended(*key, End::CompleteAndClose, self.now, &mut actions);
            self.machine.cancelled(*key, self.now, &mut actions);
            self.machine.handed_back(*key, self.now, &mut actions);
        }
        for key in self.stale_connections.iter().rev().take(3) {
            self.machine
                .connected(*key, Protocol::Http2, self.now, &mut actions);
            self.machine.settings(*key, 7, self.now, &mut actions);
            self.machine.go_away(*key, self.now, &mut actions);
            self.machine.close_idle(*key, self.now, &mut actions);
            self.machine.connect_postponed(*key);
            self.machine.connect_begins(*key, self.now);
            self.machine
                .closed(*key, Side::Remote, self.now, &mut actions);
        }
        assert_eq!((self.machine.stats(), actions), (before, vec![]));
    }

    /// Everybody goes home: no request and no connection is left, and nothing is lost.
    pub(super) fn wind_up(&mut self) {
        self.event(|machine, now, actions| machine.close(now, actions));
        let mut rounds = 0;
        while !self.machine.is_empty() {
            while self.retries > 0 {
                self.end_retry();
            }
            for (request, _) in self.orphans.clone() {
                self.bury(request, End::Lost);
            }
            for connection in self.connections.clone() {
                for request in connection.requests {
                    self.end(request, End::Complete);
                }
            }
            for connection in self.connections.clone() {
                // What came before may have had it closed.
                match self.connection(connection.key).link {
                    Link::Connecting => self.connect(connection.key, Protocol::Http1),
                    Link::Closing => self.close(connection.key, Side::Local),
                    // Its peer gives it no stream.
                    Link::Open if connection.streams == 0 => self.settings(connection.key, 1),
                    Link::Open | Link::Draining => {}
                }
            }
            rounds += 1;
            assert!(rounds < 1000, "something is stuck: {:?}", self.machine);
        }
        self.agree();
        assert!(self.queue.is_empty() && self.active.is_empty() && self.connections.is_empty());
        let stats = self.machine.stats();
        assert_eq!(
            (stats.rq_active, stats.rq_pending_active, stats.cx_active),
            (0, 0, 0)
        );
    }
}

/// Whether a number keeps to a limit, or has at least not grown past a lowered one.
fn within(now: u32, before: u32, max: Option<u32>) -> bool {
    now <= max.unwrap_or(u32::MAX).max(before)
}
