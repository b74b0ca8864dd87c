//! Random steps, each compared with a model so naive that it can be read at a glance.

use std::time::Duration;

use meshpool::admission::{Admission, Idle, Overflow, Permit, Resource, Shared};
use proptest::prelude::*;
use tokio_test::task::{self, Spawn};

use crate::support::Waiter;

#[derive(Clone, Debug)]
enum Step {
    TryAcquire,
    Acquire { poll: bool },
    Poll(prop::sample::Index),
    Drop(prop::sample::Index),
    TimeOut(prop::sample::Index),
    Update(Option<u32>, Option<u32>),
    Observe(bool),
    Idle,
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let limit = || prop_oneof![4 => (0..4_u32).prop_map(Some), 1 => Just(None)];
    let step = prop_oneof![
        6 => Just(Step::TryAcquire),
        12 => prop::bool::weighted(0.9).prop_map(|poll| Step::Acquire { poll }),
        8 => any::<prop::sample::Index>().prop_map(Step::Poll),
        12 => any::<prop::sample::Index>().prop_map(Step::Drop),
        3 => any::<prop::sample::Index>().prop_map(Step::TimeOut),
        4 => (limit(), limit()).prop_map(|(slots, places)| Step::Update(slots, places)),
        2 => any::<bool>().prop_map(Step::Observe),
        2 => Just(Step::Idle),
    ];
    // At most one closes, and late, or the rest would have little to say.
    let close = prop_oneof![3 => Just(None), 1 => (20..60_usize).prop_map(Some)];
    (prop::collection::vec(step, 1..80), close).prop_map(|(mut steps, close)| {
        if let Some(at) = close.filter(|at| *at < steps.len()) {
            steps[at] = Step::Close;
        }
        steps
    })
}

// === The model ===

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Unpolled,
    Waits,
    /// Has a slot, and has not been polled since.
    Granted,
    Runs,
    RunsUncounted,
    Gone,
}

/// Requests are numbered as they come; `queue` holds the numbers of those who wait.
#[derive(Debug, Default)]
struct Model {
    slots: Option<u32>,
    places: Option<u32>,
    closed: bool,
    observing: bool,
    fates: Vec<Fate>,
    queue: Vec<usize>,
    /// How many of those who run count as pending.
    observed: u32,
    queued: u64,
    would_overflow: u64,
    overflowed: [u64; 3],
    cancelled: u64,
    timed_out: u64,
    waited: u64,
    peak_active: u32,
    peak_pending: u32,
}

impl Model {
    fn count(&self, fate: Fate) -> u32 {
        self.fates.iter().filter(|one| **one == fate).count() as u32
    }

    /// Can be below 0 for the moment between a release and a grant.
    fn active(&self) -> i64 {
        let holders = self.count(Fate::Granted) + self.count(Fate::Runs);
        i64::from(holders) - i64::from(self.observed)
    }

    fn pending(&self) -> u32 {
        self.queue.len() as u32 + self.observed
    }

    fn has_slot(&self) -> bool {
        self.slots
            .is_none_or(|slots| self.active() < i64::from(slots))
    }

    fn is_idle(&self) -> bool {
        self.active() == 0 && self.pending() == 0 && self.count(Fate::RunsUncounted) == 0
    }

    /// Gives free slots to those who wait.
    fn settle(&mut self) {
        while self.has_slot() && self.pending() > 0 {
            if self.observed > 0 {
                self.observed -= 1;
            } else {
                let first = self.queue.remove(0);
                self.fates[first] = Fate::Granted;
            }
        }
        self.peak_active = self.peak_active.max(self.active().max(0) as u32);
        self.peak_pending = self.peak_pending.max(self.pending());
    }

    /// A request arrives, or one that arrived is polled for the first time.
    fn enter(&mut self, request: usize, may_wait: bool) -> Result<Fate, Overflow2> {
        let places = if may_wait { self.places } else { Some(0) };
        if self.closed {
            self.overflowed[2] += 1;
            return Err(self.refused(Resource::Closed, 0));
        }
        let fate = if self.has_slot() {
            Fate::Runs
        } else if places.is_none_or(|places| self.pending() < places) {
            self.queued += 1;
            if self.observing {
                self.observed += 1;
                Fate::Runs
            } else {
                self.queue.push(request);
                Fate::Waits
            }
        } else if self.observing {
            self.would_overflow += 1;
            Fate::RunsUncounted
        } else if places == Some(0) {
            self.overflowed[0] += 1;
            return Err(self.refused(Resource::MaxRequests, self.slots.unwrap()));
        } else {
            self.overflowed[1] += 1;
            return Err(self.refused(Resource::MaxPendingRequests, places.unwrap()));
        };
        self.fates[request] = fate;
        Ok(fate)
    }

    fn refused(&self, resource: Resource, limit: u32) -> Overflow2 {
        (resource, limit, self.active() as u32, self.pending())
    }

    fn drop(&mut self, request: usize) {
        let fate = std::mem::replace(&mut self.fates[request], Fate::Gone);
        if fate == Fate::Waits {
            self.queue.retain(|waiting| *waiting != request);
        }
        if matches!(fate, Fate::Waits | Fate::Granted) {
            self.cancelled += 1;
        }
    }

    fn observe(&mut self, observing: bool) {
        if observing && !self.observing {
            for request in std::mem::take(&mut self.queue) {
                self.fates[request] = Fate::Granted;
                self.observed += 1;
            }
        } else if !observing {
            self.observed = 0;
        }
        self.observing = observing;
    }
}

/// An [`Overflow`], which cannot be made outside its crate.
type Overflow2 = (Resource, u32, u32, u32);

fn fields(overflow: Overflow) -> Overflow2 {
    let Overflow {
        resource,
        limit,
        active,
        pending,
        ..
    } = overflow;
    (resource, limit, active, pending)
}

// === The real one, step by step beside it ===

enum Real {
    Future(Waiter),
    Permit { _held: Permit<Shared> },
    Gone,
}

struct Run {
    admission: Admission,
    requests: Vec<Real>,
    idle: Option<Spawn<Idle<Shared>>>,
    model: Model,
}

impl Run {
    fn arrive(&mut self, real: Real, fate: Fate) -> usize {
        self.requests.push(real);
        self.model.fates.push(fate);
        self.requests.len() - 1
    }

    fn step(&mut self, step: &Step) {
        let pick = |index: &prop::sample::Index| match self.requests.len() {
            0 => None,
            len => Some(index.index(len)),
        };
        match step {
            Step::TryAcquire => {
                let request = self.arrive(Real::Gone, Fate::Gone);
                let expected = self.model.enter(request, false);
                let result = self.admission.try_acquire();
                assert_eq!(result.as_ref().err().copied().map(fields), expected.err());
                if let Ok(permit) = result {
                    self.requests[request] = Real::Permit { _held: permit };
                }
            }
            Step::Acquire { poll } => {
                let future = task::spawn(self.admission.acquire());
                let request = self.arrive(Real::Future(future), Fate::Unpolled);
                if *poll {
                    self.poll(request);
                }
            }
            Step::Poll(index) => {
                if let Some(request) = pick(index) {
                    self.poll(request);
                }
            }
            Step::Drop(index) => {
                if let Some(request) = pick(index) {
                    self.model.drop(request);
                    self.requests[request] = Real::Gone;
                }
            }
            Step::TimeOut(index) => {
                if let Some(request) = pick(index) {
                    self.time_out(request);
                }
            }
            Step::Update(slots, places) => {
                (self.model.slots, self.model.places) = (*slots, *places);
                self.admission.update(*slots, *places);
            }
            Step::Observe(observing) => {
                self.model.observe(*observing);
                self.admission.set_observing(*observing);
            }
            Step::Idle => {
                let mut idle = self
                    .idle
                    .take()
                    .unwrap_or_else(|| task::spawn(self.admission.idle()));
                let ready = idle.poll().is_ready();
                assert_eq!(ready, self.model.is_idle());
                self.idle = (!ready).then_some(idle);
            }
            Step::Close => {
                self.model.closed = true;
                self.admission.close();
            }
        }
        self.model.settle();
    }

    fn poll(&mut self, request: usize) {
        let Real::Future(future) = &mut self.requests[request] else {
            return;
        };
        if !matches!(
            self.model.fates[request],
            Fate::Unpolled | Fate::Waits | Fate::Granted
        ) {
            return;
        }
        let result = match future.poll() {
            std::task::Poll::Pending => None,
            std::task::Poll::Ready(result) => Some(result),
        };
        match self.model.fates[request] {
            Fate::Unpolled => match self.model.enter(request, true) {
                Ok(Fate::Waits) => assert!(result.is_none()),
                Ok(_) => assert!(matches!(result, Some(Ok(_)))),
                Err(expected) => {
                    self.model.fates[request] = Fate::Gone;
                    let overflow = *result.as_ref().unwrap().as_ref().unwrap_err();
                    assert_eq!(fields(overflow), expected);
                }
            },
            Fate::Waits => assert!(result.is_none()),
            _ => {
                self.model.fates[request] = Fate::Runs;
                self.model.waited += 1;
                assert!(matches!(result, Some(Ok(_))));
            }
        }
        match result {
            Some(Ok(permit)) => self.requests[request] = Real::Permit { _held: permit },
            Some(Err(_)) => self.requests[request] = Real::Gone,
            None => {}
        }
    }

    fn time_out(&mut self, request: usize) {
        let Real::Future(future) = &mut self.requests[request] else {
            return;
        };
        let served = future.time_out();
        match self.model.fates[request] {
            Fate::Granted => {
                self.model.fates[request] = Fate::Runs;
                self.model.waited += 1;
                let permit = served.expect("a grant before the timer is served");
                self.requests[request] = Real::Permit { _held: permit };
            }
            Fate::Waits => {
                assert!(served.is_none());
                self.model.timed_out += 1;
                self.model.queue.retain(|waiting| *waiting != request);
                self.model.fates[request] = Fate::Gone;
                self.requests[request] = Real::Gone;
            }
            _ => {
                assert!(served.is_none());
                self.model.fates[request] = Fate::Gone;
                self.requests[request] = Real::Gone;
            }
        }
    }

    fn compare(&mut self) {
        let (model, stats) = (&self.model, self.admission.stats());
        assert_eq!(stats.max_requests, model.slots);
        assert_eq!(stats.max_pending_requests, model.places);
        assert_eq!(
            (stats.closed, stats.observing),
            (model.closed, model.observing)
        );
        assert_eq!(i64::from(stats.active), model.active());
        assert_eq!(stats.pending, model.pending());
        assert_eq!(stats.uncounted, model.count(Fate::RunsUncounted));
        assert_eq!(stats.queued, model.queued);
        assert_eq!(stats.would_overflow, model.would_overflow);
        let overflowed = stats.overflowed;
        assert_eq!(
            [
                overflowed.max_requests,
                overflowed.max_pending_requests,
                overflowed.closed
            ],
            model.overflowed
        );
        assert_eq!(
            (stats.cancelled, stats.timed_out),
            (model.cancelled, model.timed_out)
        );
        assert_eq!(stats.waits.count(), model.waited);
        assert_eq!(stats.peak_active, model.peak_active);
        assert_eq!(stats.peak_pending, model.peak_pending);
        assert_eq!(stats.oldest_waiter.is_some(), !model.queue.is_empty());
        assert!(
            stats
                .oldest_waiter
                .is_none_or(|age| age < Duration::from_secs(3600))
        );
        // Whoever was granted a slot was woken, and nobody else.
        for (real, fate) in self.requests.iter().zip(&model.fates) {
            if let Real::Future(future) = real {
                assert_eq!(future.is_woken(), *fate == Fate::Granted);
            }
        }
        if let Some(mut idle) = self.idle.take_if(|_| self.model.is_idle()) {
            assert!(idle.is_woken());
            assert!(idle.poll().is_ready());
        }
        assert!(self.idle.as_ref().is_none_or(|idle| !idle.is_woken()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn does_what_the_reference_does(
        slots in prop::option::of(0..4_u32),
        places in prop::option::of(0..4_u32),
        steps in steps(),
    ) {
        let mut run = Run {
            admission: Admission::new(slots, places),
            requests: Vec::new(),
            idle: None,
            model: Model { slots, places, ..Model::default() },
        };
        for step in &steps {
            run.step(step);
            run.compare();
        }
        run.requests.clear();
        let stats = run.admission.stats();
        prop_assert_eq!((stats.active, stats.pending, stats.uncounted), (0, 0, 0));
    }
}
