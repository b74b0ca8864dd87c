//! Limits that change, and the end of the destination.

use std::time::Duration;

use super::Machine;
use super::action::Action;
use crate::limits::Limits;

impl Machine {
    /// Other limits are in force from now on. No connection is dropped for it, and nothing that
    /// pends or is active fails, but for what pends under a
    /// [`max_requests`](Limits::max_requests) of 0, as it could never be served. The load that is
    /// there counts under the new limits, and what pends beyond them pends on. Room that they make
    /// is used at once: connections are opened for as many of those that pend as there is room for
    /// active requests, and later for the others, as active ones end. Idle connections beyond the
    /// limits close, the longest idle first; connections that have carried more requests than they
    /// now may drain.
    ///
    /// Takes as long as there are connections.
    pub fn set_limits(&mut self, limits: Limits, now: Duration, actions: &mut Vec<Action>) {
        let is_lowered = match (self.limits.max_requests, limits.max_requests) {
            (None, Some(_)) => true,
            (Some(before), Some(now)) => now < before,
            (_, None) => false,
        };
        if is_lowered {
            self.lowered = self.lowered.wrapping_add(1);
        }
        self.limits = limits;
        for connection in self.connections.keys() {
            self.review(connection.index, actions);
        }
        self.attach_as_allowed(actions);
        self.connect_all(now, actions);
        self.settle(now, actions);
    }

    /// Nothing new is admitted from now on. What pends and what is active is served, and each
    /// connection closes when it has nothing left to do, those that connect for nobody included.
    /// When [`is_empty`](Self::is_empty) says so, it is over.
    pub fn close(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.shut = true;
        self.settle(now, actions);
    }
}
