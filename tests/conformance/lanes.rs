//! Runs many scenarios, some at a time, each on a thread and a runtime of its own: one thread sees
//! what happens on its sockets in the order in which it happened.

use std::sync::{Mutex, PoisonError};

/// Scenarios wait most of the time.
const LANES: usize = 6;

/// The lanes are one test's at a time, lest one makes the scenarios of another late.
static TAKEN: Mutex<()> = Mutex::new(());

/// Runs them, and returns the results in the order of the items.
pub(crate) fn run<T: Send, R: Send>(items: Vec<T>, play: impl AsyncFn(T) -> R + Sync) -> Vec<R> {
    run_in(LANES, items, play)
}

/// The same with one after the other, for those that are to have the machine to themselves.
pub(crate) fn run_alone<T: Send, R: Send>(
    items: Vec<T>,
    play: impl AsyncFn(T) -> R + Sync,
) -> Vec<R> {
    run_in(1, items, play)
}

fn run_in<T: Send, R: Send>(
    lanes: usize,
    items: Vec<T>,
    play: impl AsyncFn(T) -> R + Sync,
) -> Vec<R> {
    let _taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    let slots = Mutex::new(items.into_iter().zip(&mut results));
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                loop {
                    let Some((item, slot)) = slots.lock().unwrap().next() else {
                        return;
                    };
                    *slot = Some(alone(play(item)));
                }
            });
        }
    });
    results.into_iter().map(Option::unwrap).collect()
}

fn alone<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}
