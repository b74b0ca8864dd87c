//! Random scenarios, each of a seed.
//!
//! One thing happens at a time, and the proxy comes to rest after it: what happens at once on two
//! sockets has no order, not even in Envoy. For the same reason no response is followed by a close
//! that it did not announce, and no two requests are retried at once. Nothing depends on time but
//! the end of an idle connection, which is waited for, and is long in coming meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use super::random::Random;
use crate::scenario::{
    Action, BackOff, ConnectionPool, Cut, Gate, How, Http, Protocol, RetryPolicy, Route, Scenario,
    Settings, Step, Tcp, UpstreamSettings,
};

const IDS: &str = "abcdefghijklmnopqrstuvwxyz";

/// What kind of scenario it is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Over plain TCP.
    Plain,
    /// Handshakes are held.
    Held,
    /// Failures are retried.
    Retried,
    /// Connections that are idle for a while are closed.
    Idle,
}

/// So long connections may be idle, in seconds: longer than all steps of a scenario take, even on a
/// busy machine.
const IDLE_TIMEOUT: &str = "3s";
/// Long enough for those that are idle to close.
const WAIT: u64 = 4500;

struct Generator {
    random: Random,
    kind: Kind,
    protocol: Protocol,
    settings: Settings,
    /// Sent, and neither released nor cancelled. The proxy may have refused them.
    open: Vec<String>,
    /// Those of them that get no body.
    heads: BTreeSet<String>,
    sent: usize,
    steps: Vec<Step>,
}

pub(super) fn scenario(seed: u64) -> Scenario {
    let mut random = Random::new(seed);
    let kind = match random.below(100) {
        0..5 => Kind::Idle,
        5..60 => Kind::Plain,
        60..80 => Kind::Held,
        _ => Kind::Retried,
    };
    let protocol = random.pick(&[Protocol::H1, Protocol::H1, Protocol::H2]);
    let settings = settings(&mut random, kind, protocol);
    let streams = protocol == Protocol::H2 && random.percent(30);
    let upstream = UpstreamSettings {
        down: false,
        max_concurrent_streams: streams.then(|| random.pick(&[1, 2])),
    };
    let mut generator = Generator {
        random,
        kind,
        protocol,
        settings: settings.clone(),
        open: Vec::new(),
        heads: BTreeSet::new(),
        sent: 0,
        steps: Vec::new(),
    };
    let length = 6 + generator.random.below(9);
    while generator.steps.len() < length {
        generator.step();
        if kind == Kind::Idle && [length / 2, length - 1].contains(&generator.steps.len()) {
            generator.add(Action::Wait { ms: WAIT });
        }
    }
    Scenario {
        name: format!("seed_{seed}"),
        question: String::new(),
        protocol,
        tls: kind == Kind::Held,
        hosts: 1,
        workers: 1,
        settings,
        route: Route {
            retry_policy: (kind == Kind::Retried).then(retry_policy),
            route_timeout: None,
        },
        identical_across_runs: true,
        steps: generator.steps,
        outcome: BTreeMap::new(),
        served_order: Vec::new(),
        upstream,
    }
}

fn settings(random: &mut Random, kind: Kind, protocol: Protocol) -> Settings {
    // Of a request that is going to be refused, and waits for a connect, more is said elsewhere.
    let refused = if kind == Kind::Held { 10 } else { 40 };
    let pool = ConnectionPool {
        tcp: Tcp {
            max_connections: random.limit(60),
            ..Tcp::default()
        },
        http: Http {
            max_pending_requests: random.limit(50),
            max_requests: random.limit(refused),
            max_requests_per_connection: random.limit(30),
            max_retries: (kind == Kind::Retried).then(|| random.limit(60)).flatten(),
            max_concurrent_streams: (protocol == Protocol::H2)
                .then(|| random.limit(30))
                .flatten(),
            idle_timeout: (kind == Kind::Idle).then(|| IDLE_TIMEOUT.to_owned()),
        },
    };
    Settings {
        connection_pool: Some(pool),
        ..Settings::default()
    }
}

fn retry_policy() -> RetryPolicy {
    RetryPolicy {
        retry_on: "5xx,reset,connect-failure,refused-stream".to_owned(),
        num_retries: 2,
        retry_back_off: Some(BackOff {
            base_interval: "0.001s".to_owned(),
            max_interval: "0.002s".to_owned(),
        }),
        per_try_timeout: None,
    }
}

impl Generator {
    fn step(&mut self) {
        match self.random.below(100) {
            0..40 => self.send(),
            40..72 => self.release(),
            72..80 => self.cancel(),
            80..86 => self.change(),
            86..92 => self.disturb(),
            _ if self.kind == Kind::Held => self.connects(),
            _ => self.send(),
        }
    }

    fn add(&mut self, action: Action) {
        self.steps.push(Step::new(action));
    }

    fn send(&mut self) {
        let count = self
            .random
            .pick(&[1, 1, 1, 2, 3])
            .min(IDS.len() - self.sent);
        if count == 0 {
            return self.release();
        }
        let ids: Vec<_> = IDS[self.sent..self.sent + count]
            .chars()
            .map(String::from)
            .collect();
        self.sent += count;
        self.open.extend(ids.iter().cloned());
        let (method, headers) = self.kind_of_request();
        if method.is_some() {
            self.heads.extend(ids.iter().cloned());
        }
        self.add(Action::Send {
            ids,
            headers,
            method,
            prefix: None,
            together: false,
            settle: None,
        });
    }

    /// A GET, as a rule.
    fn kind_of_request(&mut self) -> (Option<String>, BTreeMap<String, String>) {
        match self.random.below(10) {
            0 => (Some("HEAD".to_owned()), BTreeMap::new()),
            1 => {
                let grpc = ("content-type".to_owned(), "application/grpc".to_owned());
                (None, BTreeMap::from([grpc]))
            }
            _ => (None, BTreeMap::new()),
        }
    }

    /// One of those that are open, more often an old one, which is more likely to be held.
    fn take(&mut self) -> Option<String> {
        let count = self.open.len();
        if count == 0 {
            return None;
        }
        let index = self.random.below(count).min(self.random.below(count));
        Some(self.open.remove(index))
    }

    fn release(&mut self) {
        let Some(id) = self.take() else {
            return self.send();
        };
        let rude = self
            .random
            .pick(&[How::HalfHead, How::UntilClose, How::Garbage]);
        let how = match (self.kind, self.protocol) {
            // After a bare head it is chance whether that or the close is seen first.
            _ if self.heads.contains(&id) => How::Answer,
            // What is retried is left open.
            (Kind::Retried, _) if self.random.percent(50) => {
                self.open.insert(0, id.clone());
                return self.fail(id);
            }
            (_, Protocol::H1) => self.random.pick(&[
                How::Answer,
                How::Answer,
                How::Answer,
                How::Answer,
                How::Answer,
                How::Close,
                How::Rst,
                rude,
            ]),
            // Those beside it would be retried with it.
            (Kind::Retried, Protocol::H2) => How::Answer,
            (_, Protocol::H2) => self.random.pick(&[
                How::Answer,
                How::Answer,
                How::Answer,
                How::Answer,
                How::Refused,
                How::ResetStream,
                How::Close,
                How::Rst,
            ]),
        };
        let mut headers = BTreeMap::new();
        if self.protocol == Protocol::H1 && how == How::Answer && self.random.percent(15) {
            headers.insert("connection".to_owned(), "close".to_owned());
        }
        self.add(release(id, how, 200, headers));
    }

    /// Ends one so that it is retried.
    fn fail(&mut self, id: String) {
        let (how, status) = match self.protocol {
            Protocol::H1 => self.random.pick(&[
                (How::Answer, 503),
                (How::Answer, 503),
                (How::Rst, 200),
                (How::Close, 200),
                (How::HalfHead, 200),
            ]),
            Protocol::H2 => self.random.pick(&[
                (How::Answer, 503),
                (How::Answer, 503),
                (How::Refused, 200),
                (How::ResetStream, 200),
            ]),
        };
        self.add(release(id, how, status, BTreeMap::new()));
    }

    fn cancel(&mut self) {
        let Some(id) = self.take() else {
            return self.send();
        };
        let rst = self.random.percent(50);
        self.add(Action::Cancel { ids: vec![id], rst });
    }

    /// Changes a limit in place, or brings other settings.
    fn change(&mut self) {
        if self.random.percent(25) {
            let settings = settings(&mut self.random, self.kind, self.protocol);
            self.settings = settings.clone();
            return self.add(Action::Set {
                settings,
                remove: false,
            });
        }
        let limit = self.random.pick(&[
            "max_connections",
            "max_pending_requests",
            "max_requests",
            "max_pending_requests",
            "max_requests",
        ]);
        let value = self.random.pick(&[1, 2, 3, 4]);
        let key = format!("circuit_breakers.up.default.{limit}");
        self.add(Action::Runtime {
            set: BTreeMap::from([(key, value)]),
        });
    }

    /// The upstream does something to a connection, which may not be there.
    fn disturb(&mut self) {
        if self.kind == Kind::Retried {
            return self.release();
        }
        let conns = vec![self.random.pick(&[1, 1, 2, 3])];
        let action = match (self.protocol, self.random.below(3)) {
            (Protocol::H2, 0) => Action::Goaway { conns },
            (Protocol::H2, 1) => Action::Settings {
                conns,
                max_concurrent_streams: self.random.pick(&[0, 1, 2, 100]),
            },
            _ => Action::CloseUpstreamConn {
                conns,
                how: self.random.pick(&[Cut::Close, Cut::Rst]),
            },
        };
        self.add(action);
    }

    fn connects(&mut self) {
        let action = match self.random.below(5) {
            0 => Action::Connects {
                n: None,
                action: Some(Gate::Open),
                how: None,
            },
            1 => Action::Connects {
                n: Some(1),
                action: None,
                how: Some(self.random.pick(&[Cut::Close, Cut::Rst])),
            },
            _ => Action::Connects {
                n: Some(1),
                action: None,
                how: None,
            },
        };
        self.add(action);
    }
}

fn release(id: String, how: How, status: u16, headers: BTreeMap<String, String>) -> Action {
    Action::Release {
        ids: vec![id],
        how: (how != How::Answer).then_some(how),
        status: (status != 200).then_some(status),
        headers,
        together: false,
        settle: None,
    }
}
