use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::GracefulConnection;
use super::decision::{Course, Step};
use super::graceful::sealed::Seal;
use super::signals::Signals;
use super::watcher::{Policy, WatchedConnection};
use crate::inbound::connection::Connection;

pin_project! {
    /// A connection that is driven to its end. Made by [`WatchedConnection::watch`].
    ///
    /// It ends when the connection does, and then has its result, or when the connection had to
    /// be dropped. Dropping it drops the connection.
    ///
    /// # Panics
    ///
    /// When it is polled outside a Tokio runtime, or after it has ended.
    #[must_use = "futures do nothing unless polled"]
    pub struct Watch<C> {
        // First, so that the socket is closed before the watcher hears of it.
        #[pin]
        http: Option<C>,
        connection: Arc<Connection>,
        policy: Policy,
        signals: Signals,
        course: Course,
        #[pin]
        timer: Option<Sleep>,
        // When the timer goes off: not later than something is due, but perhaps sooner.
        armed: Option<Instant>,
    }
}

/// How a watched connection ended otherwise than well.
#[derive(Debug)]
#[non_exhaustive]
pub enum WatchError<E> {
    /// The connection failed. What happens to one that was retired and had no active request left
    /// is no failure.
    Connection(E),
    /// It was retired, was not closed when the grace period was over, and was dropped.
    GraceExpired,
    /// Its peer took nothing for this long (the pool's stall timeout), and it was dropped.
    Stalled(Duration),
}

impl<C> Watch<C> {
    pub(super) fn new(watched: WatchedConnection, http: C) -> Self {
        let WatchedConnection {
            connection,
            policy,
            limits,
            shutdown,
        } = watched;
        Self {
            http: Some(http),
            connection,
            policy,
            signals: Signals::new(limits, shutdown),
            course: Course::default(),
            timer: None,
            armed: None,
        }
    }
}

impl<C: GracefulConnection> Future for Watch<C> {
    type Output = Result<(), WatchError<C::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let error = loop {
            let mut http = this
                .http
                .as_mut()
                .as_pin_mut()
                .expect("`Watch` polled after it ended");
            if this.course.retires_with_the_last_response(this.connection) {
                http.as_mut().graceful_shutdown(Seal);
            }
            if let Poll::Ready(result) = http.as_mut().poll(cx) {
                // Whoever was asked to close, and has its answers, may do so in its own way.
                let is_over = this.course.is_retired() && this.connection.idle_since().is_some();
                this.http.set(None);
                return Poll::Ready(match result {
                    Err(error) if !is_over => Err(WatchError::Connection(error)),
                    _ => Ok(()),
                });
            }

            this.signals.poll(cx);
            let step = this.course.step(
                this.connection,
                this.policy,
                this.signals.limits(),
                this.signals.is_shut_down(),
                Instant::now(),
            );
            match step {
                Step::Retire => http.graceful_shutdown(Seal),
                Step::Expire => break WatchError::GraceExpired,
                Step::Stall(timeout) => break WatchError::Stalled(timeout),
                Step::Wait(None) => return Poll::Pending,
                Step::Wait(Some(due)) => {
                    // To be woken too soon now and then costs less than to set the timer anew
                    // for each request.
                    if this.armed.is_none_or(|armed| due < armed) {
                        *this.armed = Some(due);
                        match this.timer.as_mut().as_pin_mut() {
                            Some(timer) => timer.reset(due),
                            None => this.timer.set(Some(sleep_until(due))),
                        }
                    }
                    let timer = this.timer.as_mut().as_pin_mut().expect("it is set");
                    if timer.poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    *this.armed = None;
                }
            }
        };
        this.http.set(None);
        Poll::Ready(Err(error))
    }
}

impl<C> fmt::Debug for Watch<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("connection", &self.connection)
            .field("signals", &self.signals)
            .field("course", &self.course)
            .finish_non_exhaustive()
    }
}

impl<E: fmt::Display> fmt::Display for WatchError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => error.fmt(f),
            Self::GraceExpired => f.write_str("connection was not closed in time"),
            Self::Stalled(timeout) => write!(f, "peer took nothing for {timeout:?}"),
        }
    }
}

impl<E: Error + 'static> Error for WatchError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connection(error) => error.source(),
            Self::GraceExpired | Self::Stalled(_) => None,
        }
    }
}
