//! The timer of a pool: a task while there is a deadline.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout_at;

use super::Pool;
use super::effects::{Effects, Timer};
use super::state::State;

impl<B> State<B> {
    /// Has the timer's task set for the machine's next deadline. One that is set for too early
    /// looks again by itself then.
    pub(super) fn set_timer(&mut self, effects: &mut Effects<B>) {
        let is_wanted = match (self.machine.next_deadline(), self.timer) {
            (Some(deadline), Some(set)) => deadline < set,
            (Some(_), None) => {
                self.timer = Some(Duration::ZERO);
                effects.timer = Some(Timer::Start);
                return;
            }
            // Nobody may be left who cares.
            (None, Some(_)) => self.machine.is_empty(),
            (None, None) => false,
        };
        if is_wanted {
            effects.timer = Some(Timer::LookAgain);
        }
    }
}

/// Lets a pool know of each deadline, until there is none.
pub(super) fn run<B: Send + 'static>(pool: Arc<Pool<B>>) -> impl Future<Output = ()> + Send {
    let mut task = Task(Some(pool));
    async move {
        while let Some(pool) = &task.0 {
            match pool.tick() {
                // Either way there is something to look at.
                Some(deadline) => drop(timeout_at(deadline, pool.timer.notified()).await),
                None => task.0 = None,
            }
        }
    }
}

/// The task, while the pool counts on it. If it ends before that, as with its runtime, the next
/// event starts another.
struct Task<B: Send + 'static>(Option<Arc<Pool<B>>>);

impl<B: Send + 'static> Drop for Task<B> {
    fn drop(&mut self) {
        if let Some(pool) = &self.0 {
            pool.lock().timer = None;
        }
    }
}
