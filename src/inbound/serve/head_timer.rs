//! [`HeadTimer`]: hyper's timer for reading the head of a request, which lets idle connections be.
//!
//! Hyper begins to time the next head as soon as the last response is sent, so that its header
//! timeout is an idle timeout as well, for HTTP/1 alone. Idle connections are the pool's business
//! here. So a head is timed from when its first bytes come in, or, if they came with the request
//! before or while that was served, from when hyper turns to them.
//!
//! The latter are in hyper's buffer, which nobody else sees. But before hyper turns to the next
//! head it reads on if its buffer is empty, and only then: if the last read found bytes, they are
//! there.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

use crate::inbound::connection::Connection;

/// The timer of one HTTP/1 connection.
pub(super) struct HeadTimer(Arc<Connection>);

/// Ends when a head took too long.
struct HeadSleep {
    connection: Arc<Connection>,
    period: Duration,
    timer: Pin<Box<tokio::time::Sleep>>,
    begun: bool,
}

impl HeadTimer {
    pub(super) fn new(connection: &Arc<Connection>) -> Self {
        Self(connection.clone())
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, period: Duration) -> Pin<Box<dyn Sleep>> {
        self.0.take_heard();
        Box::pin(HeadSleep {
            begun: self.0.read_ready(),
            connection: self.0.clone(),
            period,
            timer: Box::pin(tokio::time::sleep(period)),
        })
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(deadline.saturating_duration_since(self.now()))
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

impl Future for HeadSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            // Hyper polls this after each read that did not complete the head.
            if !this.begun && this.connection.take_heard() {
                this.begun = true;
                let deadline = tokio::time::Instant::now() + this.period;
                this.timer.as_mut().reset(deadline);
            }
            ready!(this.timer.as_mut().poll(cx));
            if this.begun {
                return Poll::Ready(());
            }
            // Idle: nothing to time yet.
            let deadline = tokio::time::Instant::now() + this.period;
            this.timer.as_mut().reset(deadline);
        }
    }
}

impl Sleep for HeadSleep {}
