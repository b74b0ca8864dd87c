//! Plays a scenario against the machine: the clients, the router (timeouts, retries, local
//! replies), the network and the upstream are played by this, with a clock of its own.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem::take;
use std::time::Duration;

use meshpool::Limits;
use meshpool::admission::{Overflow, Resource};
use meshpool::outbound::destination::{
    Action, ConnectionKey, End, Expected, Machine, Placement, Protocol as Speaks, RequestKey, Side,
    Stats,
};
use serde_json::{Map, Value, json};

use crate::fields::{SPECIAL_FIELDS, Seen, sorted};
use crate::scenario::{Action as Do, Gate, How, Protocol, Scenario, Settings};

/// How long after a step is looked at what it did.
const SETTLE: Duration = Duration::from_millis(50);
/// How long a retry waits.
const BACK_OFF: Duration = Duration::from_millis(1);

pub(crate) struct Player<'a> {
    scenario: &'a Scenario,
    pub(crate) machine: Machine,
    actions: Vec<Action>,
    now: Duration,
    listens: bool,
    gate_open: bool,
    peer_streams: Option<u32>,
    accepted: u64,
    connections: HashMap<ConnectionKey, Connection>,
    /// Connects whose handshake is held, oldest first.
    held: Vec<ConnectionKey>,
    clients: BTreeMap<String, Client>,
    names: HashMap<RequestKey, String>,
    served_order: Vec<String>,
    router: BTreeMap<String, i64>,
    step: StepSeen,
}

struct Connection {
    id: u64,
    carried: u64,
    /// Requests that reached the upstream on it, and were not answered.
    unanswered: Vec<String>,
    closed_by_upstream: bool,
}

#[derive(Default)]
struct Client {
    key: Option<RequestKey>,
    connection: Option<ConnectionKey>,
    grpc: bool,
    reached_upstream: bool,
    queued: bool,
    retries: u32,
    /// It holds a slot of the limit on retries.
    retrying: bool,
    retry_at: Option<Duration>,
    times_out_at: Option<Duration>,
    try_times_out_at: Option<Duration>,
    outcome: Option<Outcome>,
}

struct Outcome {
    outcome: &'static str,
    status: Option<u16>,
    flags: Option<String>,
}

#[derive(Default)]
struct StepSeen {
    attached: Vec<Value>,
    opened: Vec<Value>,
    closed: Vec<Value>,
    responses: Vec<Value>,
    aborted: Vec<Value>,
}

impl<'a> Player<'a> {
    pub(crate) fn new(scenario: &'a Scenario) -> Self {
        let expected = match scenario.protocol {
            Protocol::H1 => Expected::Http1,
            Protocol::H2 => Expected::Http2,
        };
        Self {
            scenario,
            machine: Machine::new(scenario.settings.limits(), expected),
            actions: Vec::new(),
            now: Duration::ZERO,
            listens: !scenario.upstream.down,
            gate_open: !scenario.tls,
            peer_streams: scenario.upstream.max_concurrent_streams,
            accepted: 0,
            connections: HashMap::new(),
            held: Vec::new(),
            clients: BTreeMap::new(),
            names: HashMap::new(),
            served_order: Vec::new(),
            router: BTreeMap::new(),
            step: StepSeen::default(),
        }
    }

    /// Plays it to the end; what was seen.
    pub(crate) fn play(mut self) -> Seen {
        let mut seen = Seen::new();
        let mut settings = self.scenario.settings.clone();
        let mut before = self.counters();
        for step in &self.scenario.steps {
            let special = self.act(&step.action, &mut settings);
            let after = self.counters();
            let stats = self.machine.stats();
            let StepSeen {
                attached,
                opened,
                closed,
                responses,
                aborted,
            } = take(&mut self.step);
            for (field, value) in [
                ("attached", json!(attached)),
                ("opened", sorted(json!(opened))),
                ("closed", sorted(json!(closed))),
                ("responses", sorted(json!(responses))),
                ("aborted", sorted(json!(aborted))),
                ("active", json!(stats.rq_active)),
                ("pending", json!(stats.rq_pending_active)),
                ("cx", json!(stats.cx_active)),
                ("delta", delta(&before, &after)),
                ("cb", circuit_breakers(&stats)),
            ] {
                seen.entry(field).or_default().push(value);
            }
            for field in SPECIAL_FIELDS {
                let value = match &special {
                    Some((name, value)) if *name == field => value.clone(),
                    _ => Value::Null,
                };
                seen.entry(field).or_default().push(value);
            }
            before = after;
        }
        seen.retain(|_, values| !values.iter().all(Value::is_null));
        let outcome = self
            .clients
            .iter()
            .map(|(id, client)| (id.clone(), outcome(client)));
        seen.insert("outcome", vec![Value::Object(outcome.collect())]);
        seen.insert("served_order", vec![json!(self.served_order)]);
        seen
    }

    /// Takes a step; what it alone is looked at for.
    fn act(&mut self, action: &Do, settings: &mut Settings) -> Option<(&'static str, Value)> {
        let mut settle = SETTLE;
        match action {
            Do::Send {
                ids,
                settle: longer,
                headers,
                ..
            } => {
                settle = longer.map_or(SETTLE, Duration::from_secs_f64);
                let grpc = headers.get("content-type").map(String::as_str);
                for id in ids {
                    self.send(id, grpc == Some("application/grpc"));
                }
            }
            Do::Release {
                ids,
                how,
                status,
                settle: longer,
                ..
            } => {
                settle = longer.map_or(SETTLE, Duration::from_secs_f64);
                for id in ids {
                    self.release(id, *how, status.unwrap_or(200));
                }
            }
            Do::Cancel { ids, .. } => ids.iter().for_each(|id| self.cancel(id)),
            Do::Connects { n, how, action } => {
                self.gate_open |= *action == Some(Gate::Open);
                let count = n.unwrap_or(self.held.len());
                for connection in self.held.drain(..count).collect::<Vec<_>>() {
                    match how {
                        None => self.connect(connection),
                        Some(_) => self.lose(connection, &[]),
                    }
                }
            }
            Do::Wait { ms } => settle += Duration::from_millis(*ms),
            Do::Set { remove: true, .. } => self.machine.close(self.now, &mut self.actions),
            Do::Set {
                settings: other, ..
            } => {
                *settings = other.clone();
                self.change(settings.limits());
            }
            Do::Runtime { set } => {
                *settings = settings.changed(set);
                self.change(settings.limits());
            }
            Do::Listen => self.listens = true,
            Do::Goaway { conns } => {
                for id in conns {
                    let mut connections = self.connections.iter();
                    let (key, _) = connections
                        .find(|(_, one)| one.id == u64::from(*id))
                        .unwrap();
                    self.machine.go_away(*key, self.now, &mut self.actions);
                }
            }
            Do::Settings { .. } | Do::CloseUpstreamConn { .. } => panic!("no scenario does this"),
            Do::Admin { .. } => return Some(("admin", thresholds(self.machine.limits()))),
            Do::Flood { clients, ms } => {
                let statuses = self.flood(*clients as usize, Duration::from_millis(*ms));
                return Some(("flood_result", statuses));
            }
            Do::Rounds { rounds, burst } => {
                return Some(("rounds_result", self.rounds(*rounds, *burst)));
            }
        }
        self.perform();
        self.pass(settle);
        self.note_queued();
        None
    }

    fn change(&mut self, limits: Limits) {
        self.machine.set_limits(limits, self.now, &mut self.actions);
    }

    /// Lets time pass, with all that falls due.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.next_due().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.machine.tick(self.now, &mut self.actions);
            self.perform();
            for id in self.clients.keys().cloned().collect::<Vec<_>>() {
                self.fire(&id);
            }
        }
        self.now = until;
    }

    fn next_due(&self) -> Option<Duration> {
        let clients = self.clients.values().filter(|one| one.outcome.is_none());
        let clients = clients
            .flat_map(|one| [one.retry_at, one.times_out_at, one.try_times_out_at])
            .flatten();
        clients.chain(self.machine.next_deadline()).min()
    }

    /// A client's timers, if they are due.
    fn fire(&mut self, id: &str) {
        let now = self.now;
        let is_due = |at: &mut Option<Duration>| at.take_if(|at| *at <= now).is_some();
        let client = self.clients.get_mut(id).unwrap();
        if client.outcome.is_some() {
            return;
        }
        if is_due(&mut client.times_out_at) {
            self.count("rq_timeout");
            self.give_up(id, "UT");
        } else if is_due(&mut client.try_times_out_at) {
            // No scenario has retries left here.
            self.count("rq_per_try_timeout");
            self.count("rq_retry_limit_exceeded");
            self.give_up(id, "URX,UT");
        } else if is_due(&mut client.retry_at) {
            self.try_once(id);
        }
    }

    fn give_up(&mut self, id: &str, flags: &str) {
        let key = self.clients[id].key.unwrap();
        self.answer(id, 504, Some(flags));
        self.machine.cancelled(key, self.now, &mut self.actions);
        self.perform();
    }

    fn send(&mut self, id: &str, grpc: bool) {
        let client = Client {
            grpc,
            times_out_at: self.scenario.route.timeout().map(|time| self.now + time),
            ..Client::default()
        };
        self.clients.insert(id.to_owned(), client);
        self.try_once(id);
        self.perform();
    }

    fn try_once(&mut self, id: &str) {
        match self.machine.request(self.now, &mut self.actions) {
            Ok((key, placement)) => {
                self.names.insert(key, id.to_owned());
                self.clients.get_mut(id).unwrap().key = Some(key);
                if let Placement::Attached(connection) = placement {
                    self.attached(id, connection);
                }
            }
            Err(overflow) => self.refused(id, overflow),
        }
        self.perform();
    }

    fn note_queued(&mut self) {
        for client in self.clients.values_mut() {
            let pends = client.outcome.is_none() && client.connection.is_none();
            // A retry that pends was not queued when it came.
            client.queued |= pends && client.retries == 0;
        }
    }

    /// Does what the machine asks for, until it asks for no more.
    fn perform(&mut self) {
        let mut actions = VecDeque::from(take(&mut self.actions));
        while let Some(action) = actions.pop_front() {
            match action {
                Action::Open { connection } => self.open(connection),
                Action::Attach {
                    request,
                    connection,
                } => {
                    let id = self.names[&request].clone();
                    self.attached(&id, connection);
                }
                Action::Refuse { request, overflow } => {
                    let id = self.names.remove(&request).unwrap();
                    self.refused(&id, overflow);
                }
                Action::Fail { request, .. } => {
                    let id = self.names.remove(&request).unwrap();
                    self.failed(&id, "connect-failure", 503, "UF");
                }
                Action::Close { connection } => self.close(connection),
            }
            actions.extend(take(&mut self.actions));
        }
    }

    fn open(&mut self, key: ConnectionKey) {
        if !self.listens {
            let actions = &mut self.actions;
            return self.machine.closed(key, Side::Remote, self.now, actions);
        }
        self.accepted += 1;
        self.step.opened.push(json!(self.accepted));
        let connection = Connection {
            id: self.accepted,
            carried: 0,
            unanswered: Vec::new(),
            closed_by_upstream: false,
        };
        self.connections.insert(key, connection);
        if self.gate_open {
            self.connect(key);
        } else {
            self.held.push(key);
        }
    }

    fn connect(&mut self, key: ConnectionKey) {
        let protocol = match self.scenario.protocol {
            Protocol::H1 => Speaks::Http1,
            Protocol::H2 => Speaks::Http2,
        };
        self.machine
            .connected(key, protocol, self.now, &mut self.actions);
        if let Some(streams) = self.peer_streams {
            self.machine
                .settings(key, streams, self.now, &mut self.actions);
        }
        self.perform();
    }

    fn attached(&mut self, id: &str, key: ConnectionKey) {
        let connection = self.connections.get_mut(&key).unwrap();
        connection.carried += 1;
        connection.unanswered.push(id.to_owned());
        let attached = json!([id, connection.id, connection.carried]);
        self.step.attached.push(attached);
        self.served_order.push(id.to_owned());
        let client = self.clients.get_mut(id).unwrap();
        client.connection = Some(key);
        client.reached_upstream = true;
        let timeout = self.scenario.route.per_try_timeout();
        client.try_times_out_at = timeout.map(|time| self.now + time);
    }

    /// This side closes a connection, as the machine asks.
    fn close(&mut self, key: ConnectionKey) {
        let connection = self.connections.remove(&key).unwrap();
        match self.held.iter().position(|held| *held == key) {
            // The upstream does not read from one whose handshake it holds.
            Some(held) => drop(self.held.remove(held)),
            None if connection.closed_by_upstream => self.record_closed(&connection, "upstream"),
            None => self.record_closed(&connection, "envoy"),
        }
        let by = match connection.closed_by_upstream {
            true => Side::Remote,
            false => Side::Local,
        };
        self.machine.closed(key, by, self.now, &mut self.actions);
    }

    /// The upstream closes a connection, under these requests and all others on it.
    fn lose(&mut self, key: ConnectionKey, requests: &[String]) {
        let connection = self.connections.remove(&key).unwrap();
        self.record_closed(&connection, "upstream");
        let actions = &mut self.actions;
        self.machine.closed(key, Side::Remote, self.now, actions);
        for id in requests.iter().chain(&connection.unanswered) {
            let key = self.clients[id].key.unwrap();
            self.failed(id, "reset", 503, "UC");
            self.machine
                .ended(key, End::Lost, self.now, &mut self.actions);
        }
        self.perform();
    }

    fn record_closed(&mut self, connection: &Connection, by: &str) {
        self.step.closed.push(json!([connection.id, by]));
        for id in &connection.unanswered {
            let aborted = json!([id, format!("conn closed by {by}")]);
            self.step.aborted.push(aborted);
        }
    }

    /// The upstream answers a request, or ends it in another way.
    fn release(&mut self, id: &str, how: Option<How>, status: u16) {
        let Some(client) = self.clients.get(id).filter(|one| one.outcome.is_none()) else {
            return; // never got there
        };
        let (key, connection) = (client.key.unwrap(), client.connection.unwrap());
        let retrying = client.retrying;
        match how {
            Some(How::Close | How::Rst) => {
                // It was the upstream's doing; to the others on the connection it just ends.
                self.answered_upstream(id);
                return self.lose(connection, &[id.to_owned()]);
            }
            Some(How::Refused) => {
                self.answered_upstream(id);
                self.failed(id, "refused-stream", 503, "UR");
                self.machine
                    .ended(key, End::Refused, self.now, &mut self.actions);
            }
            Some(How::OkThenClose) => {
                self.answered_upstream(id);
                self.answer(id, status, None);
                // Whoever drives the machine looks at the connection before it reports the end.
                let connection = self.connections.get_mut(&connection).unwrap();
                connection.closed_by_upstream = true;
                let end = End::CompleteAndLost;
                self.machine.ended(key, end, self.now, &mut self.actions);
            }
            None | Some(How::Answer) if status >= 500 => {
                self.answered_upstream(id);
                match self.may_retry(id, "5xx") {
                    Retry::Yes => {
                        self.machine.cancelled(key, self.now, &mut self.actions);
                        self.retry_later(id);
                    }
                    Retry::Overflow => {
                        self.answer(id, status, Some("UO"));
                        self.machine
                            .ended(key, End::Complete, self.now, &mut self.actions);
                    }
                    Retry::No => panic!("no scenario comes here"),
                }
            }
            None | Some(How::Answer) => {
                self.answered_upstream(id);
                if retrying {
                    self.count("rq_retry_success");
                }
                self.answer(id, status, None);
                self.machine
                    .ended(key, End::Complete, self.now, &mut self.actions);
            }
            Some(how) => panic!("no scenario has {how:?}"),
        }
        self.perform();
    }

    fn answered_upstream(&mut self, id: &str) {
        let connection = self.clients[id].connection.unwrap();
        let connection = self.connections.get_mut(&connection).unwrap();
        connection.unanswered.retain(|other| other != id);
    }

    fn cancel(&mut self, id: &str) {
        let client = self.clients.get_mut(id).unwrap();
        client.outcome = Some(Outcome {
            outcome: "cancelled_by_client",
            status: None,
            flags: Some("DC".to_owned()),
        });
        let key = client.key.unwrap();
        self.machine.cancelled(key, self.now, &mut self.actions);
        self.perform();
    }

    /// A try has failed: it is retried, or that is the answer.
    fn failed(&mut self, id: &str, condition: &str, status: u16, flags: &str) {
        match self.may_retry(id, condition) {
            Retry::Yes => self.retry_later(id),
            Retry::Overflow => self.answer(id, status, Some("UO")),
            Retry::No if self.clients[id].retries > 0 => {
                self.count("rq_retry_limit_exceeded");
                self.answer(id, status, Some(&format!("URX,{flags}")));
            }
            Retry::No => self.answer(id, status, Some(flags)),
        }
    }

    fn may_retry(&mut self, id: &str, condition: &str) -> Retry {
        let route = &self.scenario.route;
        let client = self.clients.get_mut(id).unwrap();
        // The slot of a retry that has failed is free for the next.
        if take(&mut client.retrying) {
            self.machine.retry_ended();
        }
        if !route.retries_on(condition) || client.retries == route.retries() {
            return Retry::No;
        }
        if !self.machine.retry(0) {
            return Retry::Overflow;
        }
        client.retries += 1;
        client.retrying = true;
        Retry::Yes
    }

    fn retry_later(&mut self, id: &str) {
        let client = self.clients.get_mut(id).unwrap();
        client.connection = None;
        client.try_times_out_at = None;
        client.retry_at = Some(self.now + BACK_OFF);
    }

    fn refused(&mut self, id: &str, overflow: Overflow) {
        // A cluster that was deleted: Envoy counts nothing, it has nowhere to.
        let flags = match overflow.resource {
            Resource::Closed => "NC",
            _ => "UO",
        };
        self.answer(id, 503, Some(flags));
    }

    /// Answers the client.
    fn answer(&mut self, id: &str, status: u16, flags: Option<&str>) {
        let client = self.clients.get_mut(id).unwrap();
        if take(&mut client.retrying) {
            self.machine.retry_ended();
        }
        let local = flags.is_some_and(|flags| !client.reached_upstream || flags == "UO");
        let shown = if client.grpc && local { 200 } else { status };
        self.step.responses.push(json!([id, shown]));
        client.outcome = Some(Outcome {
            outcome: match (status, client.reached_upstream) {
                (200, _) => "served",
                (_, true) => "failed",
                (_, false) => "rejected",
            },
            status: Some(shown),
            flags: flags.map(str::to_owned),
        });
        if flags != Some("NC") {
            self.count("rq_completed");
            self.count(&format!("rq_{status}"));
        }
    }

    fn count(&mut self, counter: &str) {
        *self.router.entry(counter.to_owned()).or_default() += 1;
    }

    /// The machine's and the router's, by the name in the file.
    fn counters(&self) -> BTreeMap<String, i64> {
        let mut counters = self.router.clone();
        for (name, value) in self.machine.stats().named() {
            let Some(name) = name.strip_prefix("upstream_") else {
                continue;
            };
            if !["rq_active", "rq_pending_active", "cx_active"].contains(&name) {
                counters.insert(name.to_owned(), i64::try_from(value).unwrap());
            }
        }
        counters
    }

    pub(crate) const fn now(&self) -> Duration {
        self.now
    }

    pub(crate) fn pass_until(&mut self, at: Duration) {
        self.pass(at - self.now);
    }

    pub(crate) fn send_one(&mut self, id: &str) {
        self.send(id, false);
    }

    /// They are all there before any connects.
    pub(crate) fn send_together(&mut self, ids: &[String]) {
        self.gate_open = false;
        ids.iter().for_each(|id| self.send_one(id));
        self.gate_open = true;
        for connection in take(&mut self.held) {
            self.connect(connection);
        }
    }

    /// The upstream answers it, if it has it.
    pub(crate) fn answer_one(&mut self, id: &str) {
        if self.is_attached(id) {
            self.release(id, None, 200);
        }
    }

    pub(crate) fn is_attached(&self, id: &str) -> bool {
        let client = &self.clients[id];
        client.outcome.is_none() && client.connection.is_some()
    }

    pub(crate) fn status(&self, id: &str) -> Option<u16> {
        self.clients[id].outcome.as_ref()?.status
    }

    /// Forgets requests that are over and what was seen of them: of a crowd, only the numbers
    /// count.
    pub(crate) fn forget(&mut self) {
        self.clients.clear();
        self.names.clear();
        self.served_order.clear();
        self.step = StepSeen::default();
    }
}

enum Retry {
    Yes,
    No,
    Overflow,
}

fn outcome(client: &Client) -> Value {
    let Outcome {
        outcome,
        status,
        flags,
    } = client.outcome.as_ref().unwrap_or(&Outcome {
        outcome: "in_flight_when_scenario_ended",
        status: None,
        flags: None,
    });
    json!({
        "outcome": outcome,
        "status": status,
        "queued": client.queued,
        "flags": flags,
    })
}

fn delta(before: &BTreeMap<String, i64>, after: &BTreeMap<String, i64>) -> Value {
    let changed = after.iter().filter_map(|(name, after)| {
        let delta = after - before.get(name).unwrap_or(&0);
        (delta != 0).then(|| (name.clone(), json!(delta)))
    });
    Value::Object(changed.collect())
}

/// As in the file: what is open, and what remains of what is limited.
fn circuit_breakers(stats: &Stats) -> Value {
    let mut shown = Map::new();
    for (name, value) in stats.named() {
        if let Some(name) = name.strip_prefix("circuit_breakers.") {
            if value != 0 || name.contains("remaining") {
                shown.insert(name.to_owned(), json!(value));
            }
        }
    }
    Value::Object(shown)
}

/// The limits as Envoy's admin page writes them.
fn thresholds(limits: &Limits) -> Value {
    let line = |name: &str, limit: Option<u32>| {
        let limit = limit.unwrap_or(u32::MAX);
        format!("up::default_priority::{name}::{limit}")
    };
    json!([
        line("max_connections", limits.max_connections),
        line("max_pending_requests", limits.max_pending_requests),
        line("max_requests", limits.max_requests),
        line("max_retries", limits.max_retries),
    ])
}
