//! A machine driven by hand: each event takes a call, and the actions are what it returns.

use std::time::Duration;

use super::super::{
    Action, ConnectionKey, End, Expected, Machine, Placement, Protocol, RequestKey, Side,
};
use crate::Limits;
use crate::admission::Resource;

pub(super) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A machine, and what it asked for since that was last taken.
pub(super) struct Pool {
    pub(super) machine: Machine,
    pub(super) now: Duration,
    pub(super) actions: Vec<Action>,
}

impl Pool {
    pub(super) fn new(limits: Limits, expected: Expected) -> Self {
        Self {
            machine: Machine::new(limits, expected),
            now: Duration::ZERO,
            actions: Vec::new(),
        }
    }

    pub(super) fn take(&mut self) -> Vec<Action> {
        self.machine.check();
        std::mem::take(&mut self.actions)
    }

    /// A request that has to pend.
    pub(super) fn pend(&mut self) -> RequestKey {
        match self.machine.request(self.now, &mut self.actions) {
            Ok((key, Placement::Pending)) => key,
            other => panic!("{other:?}"),
        }
    }

    /// A request that has to be attached.
    pub(super) fn attach(&mut self) -> (RequestKey, ConnectionKey) {
        match self.machine.request(self.now, &mut self.actions) {
            Ok((key, Placement::Attached(connection))) => (key, connection),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn refused_by(&mut self) -> Resource {
        let answer = self.machine.request(self.now, &mut self.actions);
        answer.unwrap_err().resource
    }

    /// The connections that it asked to open.
    pub(super) fn opened(&mut self) -> Vec<ConnectionKey> {
        let actions = self.take();
        let opened = actions.iter().map(|action| match action {
            Action::Open { connection } => *connection,
            other => panic!("{other:?}"),
        });
        opened.collect()
    }

    pub(super) fn connect(&mut self, connection: ConnectionKey, protocol: Protocol) -> Vec<Action> {
        let actions = &mut self.actions;
        self.machine
            .connected(connection, protocol, self.now, actions);
        self.take()
    }

    pub(super) fn end(&mut self, request: RequestKey, end: End) -> Vec<Action> {
        self.machine
            .ended(request, end, self.now, &mut self.actions);
        self.take()
    }

    pub(super) fn cancel(&mut self, request: RequestKey) -> Vec<Action> {
        self.machine.cancelled(request, self.now, &mut self.actions);
        self.take()
    }

    pub(super) fn closed(&mut self, connection: ConnectionKey) -> Vec<Action> {
        self.gone(connection, Side::Local)
    }

    pub(super) fn gone(&mut self, connection: ConnectionKey, by: Side) -> Vec<Action> {
        let actions = &mut self.actions;
        self.machine.closed(connection, by, self.now, actions);
        self.take()
    }

    /// Connections that are gone, by whom, and how many of them under a request.
    pub(super) fn destroyed(&self) -> Destroyed {
        let counters = self.machine.stats().counters;
        Destroyed {
            all: counters.cx_destroy,
            local: counters.cx_destroy_local,
            remote: counters.cx_destroy_remote,
            under_request: counters.cx_destroy_with_active_rq,
        }
    }

    pub(super) fn hand_back(&mut self, request: RequestKey) -> Vec<Action> {
        self.machine
            .handed_back(request, self.now, &mut self.actions);
        self.take()
    }

    pub(super) fn set(&mut self, limits: Limits) -> Vec<Action> {
        self.machine.set_limits(limits, self.now, &mut self.actions);
        self.take()
    }

    pub(super) fn settings(&mut self, connection: ConnectionKey, streams: u32) -> Vec<Action> {
        let actions = &mut self.actions;
        self.machine
            .settings(connection, streams, self.now, actions);
        self.take()
    }

    pub(super) fn tick(&mut self, now: Duration) -> Vec<Action> {
        self.now = now;
        self.machine.tick(now, &mut self.actions);
        self.take()
    }

    /// A request on a new connection.
    pub(super) fn first(&mut self, protocol: Protocol) -> (RequestKey, ConnectionKey) {
        let request = self.pend();
        let [connection] = self.opened()[..] else {
            panic!("one connection")
        };
        let attached = self.connect(connection, protocol);
        assert_eq!(attached, [attach(request, connection)]);
        (request, connection)
    }
}

#[derive(Debug, PartialEq)]
pub(super) struct Destroyed {
    pub(super) all: u64,
    pub(super) local: u64,
    pub(super) remote: u64,
    pub(super) under_request: u64,
}

pub(super) fn attach(request: RequestKey, connection: ConnectionKey) -> Action {
    Action::Attach {
        request,
        connection,
    }
}

pub(super) fn close(connection: ConnectionKey) -> Action {
    Action::Close { connection }
}
