//! Time: connects that take too long, connections that idle too long or are too old.

use std::time::Duration;

use super::Machine;
use super::action::{Action, Failure};

impl Machine {
    /// The time has come that [`next_deadline`](Self::next_deadline) named, or any other time.
    ///
    /// A connect that takes too long is given up, and all that pend fail; a connection that was
    /// idle too long closes; one that is too old drains.
    pub fn tick(&mut self, now: Duration, actions: &mut Vec<Action>) {
        while let Some(index) = self.connecting.front() {
            if !is_over(
                self.connections[index].since,
                self.limits.connect_timeout,
                now,
            ) {
                break;
            }
            self.counters.cx_connect_timeout += 1;
            self.close_connection(index, actions);
            self.connect_failed(Failure::ConnectTimedOut, actions);
        }
        while let Some(index) = self.idle.front() {
            if !is_over(self.connections[index].since, self.limits.idle_timeout, now) {
                break;
            }
            self.counters.cx_idle_timeout += 1;
            self.close_connection(index, actions);
        }
        while let Some(index) = self.aged.front() {
            let since = self.connections[index].connected_at;
            if !is_over(since, self.limits.max_connection_duration, now) {
                break;
            }
            self.counters.cx_max_duration_reached += 1;
            self.drain(index, actions);
        }
        self.settle(now, actions);
    }

    /// When [`tick`](Self::tick) will have something to do, if nothing else happens before; it
    /// may be in the past. `None` is never. It changes with each event; a timer set for an
    /// earlier time than needed does no harm.
    pub fn next_deadline(&self) -> Option<Duration> {
        let limits = &self.limits;
        let connect = self
            .connecting
            .front()
            .and_then(|index| deadline(self.connections[index].since, limits.connect_timeout));
        let idle = self
            .idle
            .front()
            .and_then(|index| deadline(self.connections[index].since, limits.idle_timeout));
        let age = self.aged.front().and_then(|index| {
            let since = self.connections[index].connected_at;
            deadline(since, limits.max_connection_duration)
        });
        [connect, idle, age].into_iter().flatten().min()
    }
}

/// `None` if it is never, or too far off to be told.
fn deadline(since: Duration, timeout: Option<Duration>) -> Option<Duration> {
    since.checked_add(timeout?)
}

fn is_over(since: Duration, timeout: Option<Duration>, now: Duration) -> bool {
    deadline(since, timeout).is_some_and(|deadline| deadline <= now)
}
