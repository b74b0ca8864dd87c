//! Wakers collected under the lock, to be called after it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;
use std::thread;

/// A release grants to one waiter as a rule, so the first needs no allocation, and what is seldom
/// needed is out of the way.
#[derive(Debug, Default)]
pub(crate) struct WakeList {
    first: Option<Waker>,
    more: Option<Box<More>>,
}

#[derive(Debug, Default)]
struct More {
    rest: Vec<Waker>,
    spare: Option<Waker>,
}

impl WakeList {
    pub(crate) fn push(&mut self, waker: Waker) {
        if self.first.is_none() {
            self.first = Some(waker);
        } else {
            self.more.get_or_insert_default().rest.push(waker);
        }
    }

    /// Keeps a waker that turned out not to be needed, to be dropped where the others are woken:
    /// dropping one is foreign code, too.
    pub(super) fn set_aside(&mut self, waker: Waker) {
        self.more.get_or_insert_default().spare = Some(waker);
    }

    /// Wakes everybody. The lock must not be held: wakers are foreign code.
    ///
    /// # Panics
    ///
    /// With the first panic of a waker, once all the others were woken; not while the thread is
    /// unwinding already, which would abort.
    #[inline]
    pub(crate) fn wake_all(&mut self) {
        // The first is filled first: without it there are no others.
        if let Some(first) = self.first.take() {
            self.wake_from(first);
        }
    }

    #[inline]
    fn wake_from(&mut self, first: Waker) {
        let mut panicked = wake(first);
        if let Some(more) = &mut self.more {
            for waker in std::mem::take(&mut more.rest) {
                panicked = first_of(panicked, wake(waker));
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

type Panic = Box<dyn Any + Send>;

fn first_of(first: Option<Panic>, second: Option<Panic>) -> Option<Panic> {
    match (first, second) {
        (Some(first), Some(second)) => {
            // What was thrown may be anything, and dropping it may panic in turn.
            std::mem::forget(second);
            Some(first)
        }
        (first, second) => first.or(second),
    }
}

fn wake(waker: Waker) -> Option<Panic> {
    catch_unwind(AssertUnwindSafe(|| waker.wake())).err()
}
