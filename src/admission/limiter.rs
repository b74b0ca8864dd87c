//! [`Admission`]: the public face of the core.

use std::sync::Arc;

use super::acquire::Acquire;
use super::core::{Core, Otherwise, Verdict};
use super::handle::{Handle, Leaked, Shared};
use super::idle::Idle;
use super::overflow::{Overflow, Packed};
use super::permit::Permit;
use super::stats::Stats;
use super::wake::WakeList;

/// Slots to run in, and a bounded queue of places to wait in.
///
/// A cheap handle: clones share their state. See the [module](super) for what it promises.
#[derive(Clone, Debug)]
pub struct Admission<H: Handle = Shared> {
    handle: H,
}

/// What a request that wants in gets at once.
#[derive(Debug)]
pub(crate) enum Attempt<H: Handle> {
    Admitted(Permit<H>),
    /// No slot, but a place: [`Admission::acquire`] takes it.
    MustWait,
    Overflow(Packed),
}

impl Admission {
    /// Makes an admission with that many slots and places; `None` is unlimited, 0 is none.
    ///
    /// `i32::MAX` and all above are unlimited.
    pub fn new(
        max_requests: impl Into<Option<u32>>,
        max_pending_requests: impl Into<Option<u32>>,
    ) -> Self {
        Self::with(max_requests.into(), max_pending_requests.into(), true)
    }

    /// Makes an admission as [`new`](Self::new) does, that does not note how long requests wait:
    /// in its [`stats`](Self::stats) `waits` is empty and `oldest_waiter` is `None`.
    ///
    /// To read the clock twice takes longer than all the rest of handing a slot on; where slots
    /// are held for microseconds, that shows.
    pub fn untimed(
        max_requests: impl Into<Option<u32>>,
        max_pending_requests: impl Into<Option<u32>>,
    ) -> Self {
        Self::with(max_requests.into(), max_pending_requests.into(), false)
    }

    fn with(requests: Option<u32>, pending: Option<u32>, time_waits: bool) -> Self {
        Self {
            handle: Shared(Arc::new(Core::new(requests, pending, time_waits))),
        }
    }

    /// The same admission for as long as the process lives, reached without reference counts:
    /// for a pool that lives as long anyway, and the fastest.
    ///
    /// It shares its state with `self`. What it leaks is never freed.
    pub fn leak(&self) -> Admission<Leaked> {
        let leaked: &'static Arc<Core> = Box::leak(Box::new(self.handle.0.clone()));
        Admission {
            handle: Leaked(leaked),
        }
    }
}

impl<H: Handle> Admission<H> {
    /// Takes a slot if one is free now and nobody waits for it. Never waits. Lock-free, unless a
    /// limit is being changed or the admission drains.
    ///
    /// # Errors
    ///
    /// [`Overflow`] if there is no slot now, whether or not there is a place to wait in:
    /// [`MaxRequests`](super::Resource::MaxRequests), or [`Closed`](super::Resource::Closed).
    #[inline]
    pub fn try_acquire(&self) -> Result<Permit<H>, Overflow> {
        match self.admit() {
            Some(permit) => Ok(permit),
            None => self.try_acquire_slowly(),
        }
    }

    /// Takes a slot, or waits for one in the queue if there is a place.
    ///
    /// Its turn in the queue is taken when the future is first polled; those who wait are served
    /// in that order, and nobody overtakes. See [`Acquire`] for cancel safety.
    pub fn acquire(&self) -> Acquire<H> {
        Acquire::new(self.handle.clone())
    }

    /// Takes a slot if one is free now and nobody waits for it. If not, [`attempt`](Self::attempt)
    /// says what is to be done.
    #[inline]
    pub(crate) fn admit(&self) -> Option<Permit<H>> {
        let admitted = self.handle.core().admit();
        admitted.then(|| Permit::new(self.handle.clone(), true))
    }

    #[cold]
    fn try_acquire_slowly(&self) -> Result<Permit<H>, Overflow> {
        match self.attempt_or(Otherwise::Refuse) {
            Attempt::Admitted(permit) => Ok(permit),
            Attempt::Overflow(overflow) => Err(overflow.into()),
            Attempt::MustWait => unreachable!("only who asks is told to wait"),
        }
    }

    #[cold]
    fn attempt_or(&self, otherwise: Otherwise) -> Attempt<H> {
        let core = self.handle.core();
        if let Some(verdict) = core.glance(otherwise) {
            return self.carry_out(verdict);
        }
        let mut wakes = WakeList::default();
        let verdict = core.attempt(otherwise, &mut wakes);
        let attempt = self.carry_out(verdict);
        // With the permit in hand: should a waker panic, it is given back.
        wakes.wake_all();
        attempt
    }

    fn carry_out(&self, verdict: Verdict) -> Attempt<H> {
        match verdict {
            Verdict::Admitted => Attempt::Admitted(Permit::new(self.handle.clone(), true)),
            Verdict::Uncounted => Attempt::Admitted(Permit::new(self.handle.clone(), false)),
            Verdict::MustWait => Attempt::MustWait,
            Verdict::Overflow(overflow) => Attempt::Overflow(overflow),
        }
    }

    /// Changes the limits, live and exactly from this moment; `None` is unlimited.
    ///
    /// The load that is there counts: a limit lowered below what is active is a debt, paid by the
    /// next releases. A raised limit is granted at once to as many waiters as fit. Nobody who
    /// waits is evicted. Both limits change as one, what rises before what falls: nothing is
    /// refused that the old and the new limits would both admit.
    pub fn update(
        &self,
        max_requests: impl Into<Option<u32>>,
        max_pending_requests: impl Into<Option<u32>>,
    ) {
        let core = self.handle.core();
        let mut wakes = WakeList::default();
        core.update(max_requests.into(), max_pending_requests.into(), &mut wakes);
        wakes.wake_all();
    }

    /// Chooses between enforcing (`false`, the default) and observing.
    ///
    /// While observing nothing is refused and nothing waits. What would wait runs at once and is
    /// counted as pending; what would be refused runs uncounted, as [`Stats::would_overflow`] and
    /// [`Stats::uncounted`] tell. Turning to observe lets those run who wait; turning back to
    /// enforce makes those a debt who run and count as pending. The uncounted stay uncounted.
    pub fn set_observing(&self, observing: bool) {
        self.handle.core().set_observing(observing);
    }

    /// Refuses everything new from now on. Those who are active or wait are served. There is no
    /// way back.
    pub fn close(&self) {
        self.handle.core().close();
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.handle.core().is_closed()
    }

    /// Whether no slot is free, so that the next request waits or is refused; never while
    /// observing. A hint: it may have changed by the time that it is looked at.
    pub fn is_saturated(&self) -> bool {
        self.handle.core().is_saturated()
    }

    /// Waits until nothing is active and nothing pending. See [`Idle`].
    pub fn idle(&self) -> Idle<H> {
        Idle::new(self.handle.clone())
    }

    /// Limits and use of one instant, and what was counted. Takes the lock for a moment.
    pub fn stats(&self) -> Stats {
        self.handle.core().stats()
    }
}

/// For the layers.
#[cfg(feature = "inbound")]
impl<H: Handle> Admission<H> {
    /// The admission that a handle reaches.
    pub(crate) fn from_handle(handle: H) -> Self {
        Self { handle }
    }

    /// What permits are given to reach it.
    pub(crate) fn handle(&self) -> &H {
        &self.handle
    }

    /// Refuses one that was not admitted, if it takes no more than a glance to see that there is
    /// neither a slot nor a place. If not, [`attempt`](Self::attempt) says what is to be done.
    #[inline]
    pub(crate) fn refuse(&self) -> Option<Packed> {
        match self.handle.core().glance(Otherwise::Ask) {
            Some(Verdict::Overflow(overflow)) => Some(overflow),
            _ => None,
        }
    }

    /// Says whether one that was not admitted can wait; there may have come a slot by now.
    pub(crate) fn attempt(&self) -> Attempt<H> {
        self.attempt_or(Otherwise::Ask)
    }
}
