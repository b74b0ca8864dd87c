//! Many threads at once, for a moment: never over the limit, and all back to zero.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use meshpool::admission::{Admission, Permit, Shared};

use crate::executors::block_on;
use crate::support::hold;

const THREADS: u64 = 4;
const ROUNDS: u32 = 2_000;

/// Small, repeatable, and good enough to mix steps.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Counts who runs, without asking the admission.
#[derive(Clone, Default)]
struct Witness {
    running: Arc<AtomicU32>,
    peak: Arc<AtomicU32>,
}

impl Witness {
    fn enter(&self, permit: Permit<Shared>) -> Running {
        let running = self.running.fetch_add(1, SeqCst) + 1;
        self.peak.fetch_max(running, SeqCst);
        Running {
            witness: self.clone(),
            _permit: permit,
        }
    }
}

struct Running {
    witness: Witness,
    // Dropped after `drop` has counted down.
    _permit: Permit<Shared>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.witness.running.fetch_sub(1, SeqCst);
    }
}

fn one_request(admission: &Admission, witness: &Witness, dice: &mut Dice) {
    let run = |permit, dice: &mut Dice| {
        let _running = witness.enter(permit);
        for _ in 0..dice.roll(3) {
            thread::yield_now();
        }
    };
    match dice.roll(8) {
        0 => {
            if let Ok(permit) = admission.try_acquire() {
                run(permit, dice);
            }
        }
        // Polled once, and dropped or timed out in whatever state it is then.
        kind @ (1 | 2) => {
            let mut acquire = admission.acquire();
            let poll = pin!(&mut acquire).poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(Ok(permit)) = poll {
                run(permit, dice);
            }
            for _ in 0..dice.roll(3) {
                thread::yield_now();
            }
            if kind == 1 {
                if let Some(permit) = acquire.time_out() {
                    run(permit, dice);
                }
            }
        }
        _ => {
            if let Ok(permit) = block_on(admission.acquire()) {
                run(permit, dice);
            }
        }
    }
}

fn assert_all_back(admission: &Admission, witness: &Witness) {
    let stats = admission.stats();
    assert_eq!((stats.active, stats.pending, stats.uncounted), (0, 0, 0));
    assert_eq!(stats.oldest_waiter, None);
    assert_eq!(witness.running.load(SeqCst), 0);
    assert_eq!(
        stats.queued,
        stats.waits.count() + stats.cancelled + stats.timed_out
    );
    admission.update(3, 0);
    let _held: Vec<_> = (0..3).map(|_| hold(admission)).collect();
    assert!(admission.try_acquire().is_err());
}

/// Threads that come and go, while `meanwhile` happens again and again.
fn storm(admission: &Admission, meanwhile: impl Fn(&mut Dice, &Witness)) -> Witness {
    let witness = Witness::default();
    let threads: Vec<_> = (1..=THREADS)
        .map(|seed| {
            let (admission, witness) = (admission.clone(), witness.clone());
            thread::spawn(move || {
                let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                for _ in 0..ROUNDS {
                    one_request(&admission, &witness, &mut dice);
                }
            })
        })
        .collect();
    let mut dice = Dice(42);
    while threads.iter().any(|thread| !thread.is_finished()) {
        meanwhile(&mut dice, &witness);
        thread::yield_now();
    }
    for thread in threads {
        thread.join().unwrap();
    }
    witness
}

#[test]
fn threads_never_run_over_the_limit_and_all_comes_back() {
    for (slots, places) in [(1, 2), (2, 0), (2, 8)] {
        let admission = Admission::new(slots, places);
        let witness = storm(&admission, |_, _| {
            let stats = admission.stats();
            assert!(stats.active <= slots && stats.pending <= places);
            assert!(stats.active <= stats.peak_active);
        });
        assert!(witness.peak.load(SeqCst) <= slots);
        assert!(admission.stats().peak_active <= slots);
        assert!(admission.stats().peak_pending <= places);
        assert_all_back(&admission, &witness);
    }
}

#[test]
fn limits_that_change_all_the_time_never_admit_more_than_the_highest() {
    let admission = Admission::new(1, 4);
    let witness = storm(&admission, |dice, _| {
        // Never 0 slots: those who wait are to be served in the end.
        admission.update(1 + dice.roll(3) as u32, dice.roll(5) as u32);
    });
    assert!(witness.peak.load(SeqCst) <= 3);
    assert!(admission.stats().peak_active <= 3);
    assert_all_back(&admission, &witness);
}

#[test]
fn a_lowered_limit_holds_from_the_moment_its_debt_is_paid() {
    let admission = Admission::new(4, 4);
    let witness = storm(&admission, |dice, witness| {
        let limit = 1 + dice.roll(3) as u32;
        admission.update(limit, 4);
        while admission.stats().active > limit {
            thread::yield_now();
        }
        assert!(witness.running.load(SeqCst) <= limit);
        admission.update(4, 4);
    });
    assert!(witness.peak.load(SeqCst) <= 4);
    assert_all_back(&admission, &witness);
}

#[test]
fn modes_that_change_all_the_time_leave_nothing_behind() {
    let admission = Admission::new(2, 1);
    let witness = storm(&admission, |dice, _| {
        admission.set_observing(dice.roll(2) == 0);
        // Takes the attention of those who come and go, and lets go of it again.
        let _ = pin!(admission.idle()).poll(&mut Context::from_waker(Waker::noop()));
    });
    admission.set_observing(false);
    let stats = admission.stats();
    assert_eq!((stats.active, stats.pending, stats.uncounted), (0, 0, 0));
    assert_eq!(witness.running.load(SeqCst), 0);
}

#[test]
fn close_under_load_ends_idle() {
    for _ in 0..20 {
        let admission = Admission::new(1, 4);
        let started = Arc::new(AtomicBool::new(false));
        let threads = [(); 3].map(|()| {
            let (admission, started) = (admission.clone(), started.clone());
            thread::spawn(move || {
                while let Ok(permit) = block_on(admission.acquire()) {
                    started.store(true, SeqCst);
                    drop(permit);
                }
            })
        });
        while !started.load(SeqCst) {
            thread::yield_now();
        }
        admission.close();
        block_on(admission.idle());
        let refused = admission.try_acquire().unwrap_err();
        assert_eq!((refused.active, refused.pending), (0, 0));
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

#[test]
fn tasks_that_are_aborted_and_timed_out_leave_nothing_behind() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    let admission = Admission::new(2, 64);
    let witness = Witness::default();
    runtime.block_on(async {
        let mut dice = Dice(7);
        for round in 0..200 {
            let tasks: Vec<_> = (0..32)
                .map(|_| {
                    let (admission, witness) = (admission.clone(), witness.clone());
                    let yields = dice.roll(4);
                    let limit = Duration::from_micros(dice.roll(300));
                    tokio::spawn(async move {
                        let work = async {
                            let Ok(permit) = admission.acquire().await else {
                                return;
                            };
                            let _running = witness.enter(permit);
                            for _ in 0..yields {
                                tokio::task::yield_now().await;
                            }
                        };
                        let _ = tokio::time::timeout(limit, work).await;
                    })
                })
                .collect();
            for task in &tasks {
                if dice.roll(3) == 0 {
                    task.abort();
                }
            }
            admission.update(1 + round % 2, 64);
            for task in tasks {
                let _ = task.await;
            }
        }
        admission.idle().await;
    });
    assert!(witness.peak.load(SeqCst) <= 2);
    assert_all_back(&admission, &witness);
}
