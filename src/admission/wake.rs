//! Wakers collected under the lock, to be called after it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;
use std::thread;

/// A release grants to one waiter as a rule, so the first needs no allocation.
#[derive(Debug, Default)]
pub(crate) struct WakeList {
    first: Option<Waker>,
    rest: Vec<Waker>,
    spare: Option<Waker>,
}

impl WakeList {
    pub(super) fn push(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        if self.first.is_none() {
            self.first = Some(waker);
        } else {
            self.rest.push(waker);
        }
    }

    /// Keeps a waker that turned out not to be needed, to be dropped where the others are woken:
    /// dropping one is foreign code, too.
    pub(super) fn set_aside(&mut self, waker: Waker) {
        self.spare = Some(waker);
    }

    /// Wakes everybody. The lock must not be held: wakers are foreign code.
    ///
    /// # Panics
    ///
    /// With the first panic of a waker, once all the others were woken; not while the thread is
    /// unwinding already, which would abort.
    pub(crate) fn wake_all(&mut self) {
        // The first is filled first: without it there are no others.
        let Some(first) = self.first.take() else {
            return;
        };
        let mut panicked = wake(first);
        for waker in std::mem::take(&mut self.rest) {
            if let Some(panic) = wake(waker) {
                match panicked {
                    None => panicked = Some(panic),
                    // What was thrown may be anything, and dropping it may panic in turn.
                    Some(_) => std::mem::forget(panic),
                }
            }
        }
        if let Some(panic) = panicked {
            if thread::panicking() {
                std::mem::forget(panic);
            } else {
                resume_unwind(panic);
            }
        }
    }
}

fn wake(waker: Waker) -> Option<Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(|| waker.wake())).err()
}
