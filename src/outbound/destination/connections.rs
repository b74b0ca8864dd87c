//! Connections come and go: opened, connected, told by the peer to stop or how much it takes,
//! drained, closed.

use std::collections::hash_map::Entry;
use std::time::Duration;

use super::Machine;
use super::action::{Action, End, Expected, Failure, Protocol, Side};
use super::entry::{Connection, Gone, State};
use super::key::ConnectionKey;
use super::slab::Key;

/// How many connections one event may open, as in Envoy: a queue that has lost its connections
/// gets them back a few at a time, and the next when those are there.
const OPENED_AT_ONCE: u32 = 3;

impl Machine {
    /// A connection is there, and speaks this. The oldest pending requests are attached to it, as
    /// many as it carries.
    pub fn connected(
        &mut self,
        connection: ConnectionKey,
        protocol: Protocol,
        now: Duration,
        actions: &mut Vec<Action>,
    ) {
        let index = connection.0.index;
        match self.connections.get(connection.0) {
            Some(connection) if connection.state == State::Connecting => {}
            _ => return,
        }
        self.connections[index].multiplexed = protocol == Protocol::Http2;
        let has_room = self.capacity(&self.connections[index]) > 0;
        self.enter(index, if has_room { State::Ready } else { State::Busy });
        let connection = &mut self.connections[index];
        connection.since = now;
        connection.connected_at = now;
        self.aged.push_back(&mut self.connections, index);
        self.idle.push_back(&mut self.connections, index);
        if self.expected == Expected::Negotiated {
            self.negotiated(protocol, actions);
        }
        if has_room {
            self.serve_queue(now, actions);
        }
        self.settle(now, actions);
    }

    /// A connection is gone, and its slot is free: it closed as it was told, or was lost, or
    /// could not be made.
    ///
    /// If it was still connecting, all that pend fail, even if others connect. Otherwise the
    /// requests on it are active no more (each still has its key [ended](Self::ended)), those
    /// that pend stay, and have a connection opened.
    ///
    /// `by` is the side that ended it, and counts where the machine did not ask for it. A
    /// connection may be gone before the holders of its requests have come to the end of the
    /// responses: whether it was lost under them is counted when they are ended.
    pub fn closed(
        &mut self,
        connection: ConnectionKey,
        by: Side,
        now: Duration,
        actions: &mut Vec<Action>,
    ) {
        let Some(found) = self.connections.get(connection.0) else {
            return;
        };
        let was = found.state;
        self.enter(connection.0.index, State::Closing);
        self.closing -= 1;
        let Some(gone) = self.connections.remove(connection.0) else {
            return;
        };
        let by = match was {
            State::Closing if !gone.is_lost => Side::Local,
            State::Connecting => Side::Remote,
            _ => by,
        };
        self.count_closed(connection.0, by, &gone);
        self.active -= gone.active;
        if was == State::Connecting {
            self.connect_failed(Failure::ConnectFailed, actions);
        }
        self.try_connect(now, actions);
        if gone.looks_twice {
            self.try_connect(now, actions);
        }
        self.settle(now, actions);
    }

    /// The peer of an HTTP/2 connection wants no more requests on it (GOAWAY): it drains.
    pub fn go_away(&mut self, connection: ConnectionKey, now: Duration, actions: &mut Vec<Action>) {
        if self.connections.get(connection.0).is_some() {
            self.counters.cx_close_notify += 1;
            self.drain(connection.0.index, actions);
            self.settle(now, actions);
        }
    }

    /// Closes a connection, unless there is a request on it, or it connects for one that pends, or
    /// it is closing anyway: the driver has its reasons.
    pub fn close_idle(
        &mut self,
        connection: ConnectionKey,
        now: Duration,
        actions: &mut Vec<Action>,
    ) {
        let is_unused = |found: &Connection| match found.state {
            State::Connecting => self.queue.is_empty(),
            State::Ready | State::Busy => found.active == 0,
            State::Draining | State::Closing => false,
        };
        if self.connections.get(connection.0).is_some_and(is_unused) {
            self.close_connection(connection.0.index, actions);
            self.settle(now, actions);
        }
    }

    /// Closes all connections, those that connect for nobody included, unless there is a request or
    /// a retry to come: the driver has its reasons.
    pub fn close_unused(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.requests.len() == 0 && self.retries == 0 {
            for connection in self.connections.keys() {
                self.close_connection(connection.index, actions);
            }
            self.settle(now, actions);
        }
    }

    /// The connect that was [asked for](Action::Open) can't begin yet, for reasons of the driver's:
    /// its [`connect_timeout`](crate::Limits::connect_timeout) does not run until it
    /// [begins](Self::connect_begins). If fewer requests pend before that, it is
    /// [closed](Action::Close): unlike one that has begun, as in Envoy, it would be of no use to
    /// those that come.
    pub fn connect_postponed(&mut self, connection: ConnectionKey) {
        let index = connection.0.index;
        match self.connections.get(connection.0) {
            Some(found) if found.state == State::Connecting && !found.is_postponed => {}
            _ => return,
        }
        self.connections[index].is_postponed = true;
        self.connecting.remove(&mut self.connections, index);
        self.postponed.push_back(&mut self.connections, index);
    }

    /// A connect that was [postponed](Self::connect_postponed) begins.
    pub fn connect_begins(&mut self, connection: ConnectionKey, now: Duration) {
        let index = connection.0.index;
        match self.connections.get(connection.0) {
            Some(found) if found.state == State::Connecting && found.is_postponed => {}
            _ => return,
        }
        self.postponed.remove(&mut self.connections, index);
        let connection = &mut self.connections[index];
        connection.is_postponed = false;
        connection.since = now;
        self.connecting.push_back(&mut self.connections, index);
    }

    /// The peer of an HTTP/2 connection allows this many streams on it
    /// (`SETTINGS_MAX_CONCURRENT_STREAMS`), 0 included; any number until it says so. May come at
    /// any time, before [`connected`](Self::connected) as well. Streams that are open stay, even
    /// if they are more.
    pub fn settings(
        &mut self,
        connection: ConnectionKey,
        max_streams: u32,
        now: Duration,
        actions: &mut Vec<Action>,
    ) {
        if self.connections.get(connection.0).is_some() {
            let index = connection.0.index;
            self.connections[index].peer_streams = max_streams;
            self.review(index, actions);
            self.settle(now, actions);
        }
    }

    /// How many more requests a connection takes now; below 0 if its limit was lowered under its
    /// streams.
    pub(super) fn capacity(&self, connection: &Connection) -> i64 {
        let streams = match connection.multiplexed {
            true => connection.peer_streams.min(self.max_streams()),
            false => 1,
        };
        let concurrent = i64::from(streams) - i64::from(connection.active);
        concurrent.min(i64::from(self.lifetime()) - i64::from(connection.carried))
    }

    /// How many requests a connection carries in all.
    #[inline]
    pub(super) fn lifetime(&self) -> u32 {
        let max = self.limits.max_requests_per_connection;
        max.map_or(u32::MAX, |max| max.get())
    }

    fn max_streams(&self) -> u32 {
        let max = self.limits.max_concurrent_streams;
        max.map_or(u32::MAX, |max| max.get())
    }

    fn has_room_for_connection(&self) -> bool {
        let max = self.limits.max_connections;
        max.is_none_or(|max| self.connections.len() < max)
    }

    /// Whether a connection may be opened: the first one always.
    pub(super) fn may_connect(&self) -> bool {
        self.has_room_for_connection() || self.connections.len() == 0
    }

    /// Whether more requests pend than the connections that connect will carry.
    pub(super) fn wants_connection(&self) -> bool {
        u64::from(self.queue.len()) > self.promised
    }

    /// Opens connections that are wanted, a few.
    pub(super) fn try_connect(&mut self, now: Duration, actions: &mut Vec<Action>) {
        for _ in 0..OPENED_AT_ONCE {
            if !self.wants_connection() {
                return;
            }
            let has_room = self.has_room_for_connection();
            if !has_room {
                self.counters.cx_overflow += 1;
            }
            if !self.connect(now, actions) || !has_room {
                return;
            }
        }
    }

    /// Opens all connections that are wanted and allowed, up to the room for active requests: what
    /// is left over pends on.
    pub(super) fn connect_all(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.held_back = false;
        while !self.held_back && self.wants_connection() && self.may_connect() {
            match self.is_spoken_for() {
                true => self.held_back = true,
                false => self.open(now, actions),
            }
        }
    }

    fn connect(&mut self, now: Duration, actions: &mut Vec<Action>) -> bool {
        if !self.may_connect() {
            return false;
        }
        if self.is_full() || self.held_back && self.is_spoken_for() {
            // Each would be refused on its connection. Some active request will end, and bring
            // them up again.
            self.held_back = true;
            return false;
        }
        self.open(now, actions);
        true
    }

    fn open(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let multiplexed = match self.expected {
            Expected::Http1 => {
                self.count_protocol(Protocol::Http1);
                false
            }
            Expected::Http2 => {
                self.count_protocol(Protocol::Http2);
                true
            }
            Expected::Negotiated => self.negotiated == Protocol::Http2,
        };
        let mut connection = Connection::new(multiplexed, now);
        connection.promised = u32::try_from(self.capacity(&connection)).unwrap_or(0);
        self.promised += u64::from(connection.promised);
        let key = self.connections.insert(connection);
        self.connecting.push_back(&mut self.connections, key.index);
        self.counters.cx_total += 1;
        actions.push(Action::Open {
            connection: ConnectionKey(key),
        });
    }

    /// A connection has settled on a protocol: those that connect count as such, too.
    fn negotiated(&mut self, protocol: Protocol, actions: &mut Vec<Action>) {
        self.count_protocol(protocol);
        if self.negotiated == protocol {
            return;
        }
        self.negotiated = protocol;
        for connection in self.connections.keys() {
            let index = connection.index;
            if self.connections[index].state == State::Connecting {
                self.connections[index].multiplexed = protocol == Protocol::Http2;
                self.review(index, actions);
            }
        }
    }

    /// A connect failed: so does every pending request.
    pub(super) fn connect_failed(&mut self, failure: Failure, actions: &mut Vec<Action>) {
        self.counters.cx_connect_fail += 1;
        while let Some(request) = self.dequeue() {
            self.counters.rq_pending_failure_eject += 1;
            actions.push(Action::Fail { request, failure });
        }
    }

    /// Limits or settings have changed for a connection: brings its state up to date.
    pub(super) fn review(&mut self, index: u32, actions: &mut Vec<Action>) {
        let connection = &self.connections[index];
        let capacity = self.capacity(connection);
        match connection.state {
            State::Connecting => {
                let promised = u32::try_from(capacity).unwrap_or(0);
                let before = std::mem::replace(&mut self.connections[index].promised, promised);
                self.promised = self.promised - u64::from(before) + u64::from(promised);
            }
            State::Ready | State::Busy if connection.carried >= self.lifetime() => {
                self.counters.cx_max_requests += 1;
                self.drain(index, actions);
            }
            State::Ready if capacity <= 0 => self.enter(index, State::Busy),
            State::Busy if capacity > 0 => self.enter(index, State::Ready),
            _ => {}
        }
    }

    /// No request goes to this connection any more; it closes when those on it have ended.
    pub(super) fn drain(&mut self, index: u32, actions: &mut Vec<Action>) {
        if self.connections[index].is_open() {
            self.enter(index, State::Draining);
        }
        let connection = &self.connections[index];
        if connection.state == State::Draining && connection.active == 0 {
            self.close_connection(index, actions);
        }
    }

    /// Tells the driver to close a connection.
    pub(super) fn close_connection(&mut self, index: u32, actions: &mut Vec<Action>) {
        if self.connections[index].state != State::Closing {
            self.enter(index, State::Closing);
            actions.push(Action::Close {
                connection: ConnectionKey(self.connections.key(index)),
            });
        }
    }

    /// Closes connections without a stream: those beyond the limit, the longest idle first, and
    /// all once this is shut, those that still connect for nobody included. And those that were
    /// to connect for requests that have gone since.
    pub(super) fn close_excess(&mut self, actions: &mut Vec<Action>) {
        while let Some(index) = self.postponed.back() {
            let others = self.promised - u64::from(self.connections[index].promised);
            if others < u64::from(self.queue.len()) {
                break;
            }
            self.close_connection(index, actions);
        }
        if self.shut && self.promised > 0 && self.queue.is_empty() {
            for connection in self.connections.keys() {
                if self.connections[connection.index].state == State::Connecting {
                    self.close_connection(connection.index, actions);
                }
            }
        }
        let max = match self.shut {
            true => 0,
            false => self
                .limits
                .max_connections
                .map_or(u32::MAX, |max| max.max(1)),
        };
        while self.connections.len() - self.closing > max && self.queue.is_empty() {
            let Some(index) = self.idle.front() else {
                return;
            };
            self.close_connection(index, actions);
        }
    }

    /// Moves a connection to another state, and in and out of the lists that go with them.
    pub(super) fn enter(&mut self, index: u32, state: State) {
        let connection = &mut self.connections[index];
        let was_open = connection.is_open();
        let was = std::mem::replace(&mut connection.state, state);
        let (is_open, is_idle) = (connection.is_open(), connection.active == 0);
        match was {
            State::Connecting => {
                self.promised -= u64::from(connection.promised);
                match connection.is_postponed {
                    true => self.postponed.remove(&mut self.connections, index),
                    false => self.connecting.remove(&mut self.connections, index),
                }
            }
            State::Ready => self.ready.remove(&mut self.connections, index),
            State::Busy | State::Draining => {}
            State::Closing => self.closing -= 1,
        }
        if was_open && !is_open {
            self.aged.remove(&mut self.connections, index);
            if is_idle {
                self.idle.remove(&mut self.connections, index);
            }
        }
        match state {
            State::Ready => self.ready.push_front(&mut self.connections, index),
            State::Closing => self.closing += 1,
            State::Connecting | State::Busy | State::Draining => {}
        }
    }

    fn count_protocol(&mut self, protocol: Protocol) {
        match protocol {
            Protocol::Http1 => self.counters.cx_http1_total += 1,
            Protocol::Http2 => self.counters.cx_http2_total += 1,
        }
    }

    fn count_closed(&mut self, key: Key, by: Side, gone: &Connection) {
        self.counters.cx_destroy += 1;
        if gone.active > 0 {
            let gone = Gone {
                by,
                multiplexed: gone.multiplexed,
                orphans: gone.active,
                with_active: gone.with_active,
            };
            self.gone.insert(key, gone);
        }
        if gone.active == 0 || gone.multiplexed {
            self.count_side(by);
        }
        if gone.with_active {
            self.count_with_active(by);
        }
    }

    /// The holder of a request whose connection is gone says how it ended.
    #[cold]
    pub(super) fn bury(&mut self, connection: Key, end: End) {
        let Entry::Occupied(mut found) = self.gone.entry(connection) else {
            return;
        };
        let gone = found.get_mut();
        gone.orphans -= 1;
        let is_lost = match end {
            End::Lost => true,
            End::Reset | End::Aborted | End::Refused => !gone.multiplexed,
            End::Complete | End::CompleteAndClose | End::CompleteAndLost => false,
        };
        let is_first = is_lost && !std::mem::replace(&mut gone.with_active, is_lost);
        let (by, multiplexed) = (gone.by, gone.multiplexed);
        if gone.orphans == 0 {
            found.remove();
        }
        if is_first {
            self.count_with_active(by);
        }
        if multiplexed {
            self.counters.rq_pending_failure_eject += u64::from(is_lost);
            self.count_reset(end);
        } else if end == End::CompleteAndClose {
            // It was announced, and so this side's to close, whoever was first.
            self.counters.cx_close_notify += 1;
            self.count_side(Side::Local);
        } else {
            self.count_side(by);
        }
    }

    /// The end of an HTTP/2 stream, if it is a reset, by whoever it was.
    pub(super) fn count_reset(&mut self, end: End) {
        self.counters.rq_rx_reset += u64::from(end == End::Reset);
        self.counters.rq_tx_reset += u64::from(end == End::Aborted);
    }

    fn count_side(&mut self, by: Side) {
        match by {
            Side::Local => self.counters.cx_destroy_local += 1,
            Side::Remote => self.counters.cx_destroy_remote += 1,
        }
    }

    fn count_with_active(&mut self, by: Side) {
        self.counters.cx_destroy_with_active_rq += 1;
        match by {
            Side::Local => self.counters.cx_destroy_local_with_active_rq += 1,
            Side::Remote => self.counters.cx_destroy_remote_with_active_rq += 1,
        }
    }
}
