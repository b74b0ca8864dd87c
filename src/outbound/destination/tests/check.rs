//! The invariants between the machine's parts, which hold after each event.

use super::super::Machine;
use super::super::entry::{Request, State};
use super::super::key::{ConnectionKey, RequestKey};

impl Machine {
    /// Panics unless lists, states and sums agree.
    pub(super) fn check(&mut self) {
        let keys = self.connections.keys();
        let (mut ready, mut idle, mut aged) = (vec![], vec![], vec![]);
        let (mut connecting, mut postponed) = (vec![], vec![]);
        let (mut promised, mut closing, mut active) = (0, 0, 0);
        for key in &keys {
            let connection = &self.connections[key.index];
            let capacity = self.capacity(connection);
            active += connection.active;
            match connection.state {
                State::Connecting => {
                    assert_eq!(connection.active, 0);
                    assert_eq!(i64::from(connection.promised), capacity.max(0));
                    promised += u64::from(connection.promised);
                    match connection.is_postponed {
                        true => postponed.push(key.index),
                        false => connecting.push(key.index),
                    }
                }
                State::Ready => {
                    assert!(capacity > 0);
                    ready.push(key.index);
                }
                State::Busy => assert!(capacity <= 0 && connection.carried < self.lifetime()),
                State::Draining => assert!(connection.active > 0, "it would have closed"),
                State::Closing => {
                    assert_eq!(connection.active, 0);
                    closing += 1;
                }
            }
            if connection.is_open() {
                aged.push(key.index);
                if connection.active == 0 {
                    idle.push(key.index);
                }
            }
        }
        assert_eq!(
            (promised, closing, active),
            (self.promised, self.closing, self.active)
        );

        let connections = &self.connections;
        let orphans = self.requests.keys().into_iter().filter(|key| {
            let request = self.requests.get(*key);
            matches!(request, Some(Request::Active { connection }) if connections.get(*connection).is_none())
        });
        let known = self.gone.values().map(|gone| gone.orphans as usize);
        assert_eq!(known.sum::<usize>(), orphans.count());

        let slab = &mut self.connections;
        let lists = [
            (self.ready.walk(slab), ready),
            (self.connecting.walk(slab), connecting),
            (self.postponed.walk(slab), postponed),
            (self.idle.walk(slab), idle),
            (self.aged.walk(slab), aged),
        ];
        for (listed, mut expected) in lists.clone() {
            let mut sorted = listed;
            sorted.sort_unstable();
            expected.sort_unstable();
            assert_eq!(sorted, expected);
        }
        let [_, (connecting, _), _, (idle, _), (aged, _)] = lists;
        let since = |index: &u32| self.connections[*index].since;
        assert!(connecting.is_sorted_by_key(since) && idle.is_sorted_by_key(since));
        assert!(aged.is_sorted_by_key(|index| self.connections[*index].connected_at));

        let queued = self.queue.walk(&mut self.requests);
        let last = self.last_handed_back;
        assert!(
            last.is_none_or(|last| queued.contains(&last)),
            "handed back, and gone"
        );
        let waits = !queued.is_empty();
        assert!(
            !waits || self.ready.is_empty() || self.is_full(),
            "pends for nothing"
        );
        // Each connection that there is comes to an end, and then to the queue.
        assert!(
            !waits || !keys.is_empty(),
            "nothing will ever serve the queue"
        );
    }

    /// The pending requests, oldest first.
    pub(super) fn pending(&mut self) -> Vec<RequestKey> {
        let queued = self.queue.walk(&mut self.requests);
        let keys = queued.into_iter().map(|index| self.requests.key(index));
        keys.map(RequestKey).collect()
    }

    /// Connections that are ready, the next to be taken first.
    pub(super) fn ready(&mut self) -> Vec<ConnectionKey> {
        let ready = self.ready.walk(&mut self.connections);
        let keys = ready.into_iter().map(|index| self.connections.key(index));
        keys.map(ConnectionKey).collect()
    }
}
