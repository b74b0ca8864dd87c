//! [`Subject`]: a machine in a state to measure.

use std::hint::black_box;
use std::time::Duration;

use meshpool::Limits;
use meshpool::outbound::destination::{
    Action, ConnectionKey, End, Expected, Machine, Placement, Protocol, RequestKey,
};

/// Nothing here depends on the time.
const NOW: Duration = Duration::ZERO;

/// All limits are on, and none is met but where it says so.
pub(crate) struct Subject {
    machine: Machine,
    actions: Vec<Action>,
    /// The request that has the only connection.
    active: Option<RequestKey>,
}

impl Subject {
    fn new(max_connections: u32) -> Self {
        let limits = Limits::new()
            .max_connections(max_connections)
            .max_pending_requests(1 << 20)
            .max_requests(1 << 20)
            .max_requests_per_connection(u32::MAX)
            .idle_timeout(Duration::from_secs(3600));
        Self {
            machine: Machine::new(limits, Expected::Http1),
            actions: Vec::new(),
            active: None,
        }
    }

    /// One with so many connections, which have nothing to do.
    pub(crate) fn idle(connections: u32) -> Self {
        let mut this = Self::new(connections);
        let requests: Vec<_> = (0..connections).map(|_| this.enqueue()).collect();
        this.connect_all();
        for request in requests {
            this.end(request);
        }
        this
    }

    /// One whose only connection is busy.
    pub(crate) fn saturated() -> Self {
        let mut this = Self::new(1);
        this.active = Some(this.enqueue());
        this.connect_all();
        this
    }

    /// Opens what is to be opened, until nothing is.
    fn connect_all(&mut self) {
        let mut actions = std::mem::take(&mut self.actions);
        while !actions.is_empty() {
            for action in std::mem::take(&mut actions) {
                if let Action::Open { connection } = action {
                    let http1 = Protocol::Http1;
                    self.machine.connected(connection, http1, NOW, &mut actions);
                }
            }
        }
    }

    /// A request that a connection is ready for.
    #[inline]
    pub(crate) fn attach(&mut self) -> RequestKey {
        match self.machine.request(NOW, &mut self.actions) {
            Ok((request, Placement::Attached(_))) => request,
            other => panic!("a connection is ready, and yet: {other:?}"),
        }
    }

    /// A request that no connection is ready for.
    #[inline]
    pub(crate) fn enqueue(&mut self) -> RequestKey {
        match self.machine.request(NOW, &mut self.actions) {
            Ok((request, Placement::Pending)) => request,
            other => panic!("no connection is ready, and yet: {other:?}"),
        }
    }

    /// The response to a request is complete.
    #[inline]
    pub(crate) fn end(&mut self, request: RequestKey) {
        let complete = End::Complete;
        self.machine
            .ended(request, complete, NOW, &mut self.actions);
        black_box(&self.actions);
        self.actions.clear();
    }

    /// The caller of a request leaves.
    #[inline]
    pub(crate) fn cancel(&mut self, request: RequestKey) {
        self.machine.cancelled(request, NOW, &mut self.actions);
        black_box(&self.actions);
        self.actions.clear();
    }

    /// The only connection goes to the oldest that waits.
    #[inline]
    pub(crate) fn hand_on(&mut self) {
        let active = self.active.take().expect("one is active");
        self.machine
            .ended(active, End::Complete, NOW, &mut self.actions);
        for action in self.actions.drain(..) {
            if let Action::Attach { request, .. } = action {
                self.active = Some(request);
            }
        }
    }

    pub(crate) fn longest_idle(&self) -> Option<ConnectionKey> {
        self.machine.longest_idle()
    }
}

/// Numbers below a given one in no order, the same in each run.
pub(crate) struct Anywhere {
    below: u32,
    state: u32,
}

impl Anywhere {
    pub(crate) const fn among(below: u32) -> Self {
        Self {
            below,
            state: 0x9e37_79b9,
        }
    }

    #[inline]
    pub(crate) fn next(&mut self) -> usize {
        // Marsaglia's xorshift.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        ((u64::from(self.state) * u64::from(self.below)) >> 32) as usize
    }
}
