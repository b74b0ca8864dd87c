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
pub(super) async fn run<B: Send + 'static>(pool: Arc<Pool<B>>) {
    while let Some(deadline) = pool.tick() {
        // Either way there is something to look at.
        let _ = timeout_at(deadline, pool.timer.notified()).await;
    }
}
