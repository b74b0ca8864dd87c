use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::Error;
use crate::admission::{Overflow, Packed, Permit};
use crate::inbound::pool::PoolHandle;
use crate::inbound::queued::{Failed, Queued};

pin_project! {
    /// The response future of [`Admit`](super::Admit).
    ///
    /// Dropping it at any point gives back the place or the slot that it has.
    pub struct ResponseFuture<S, R, H: PoolHandle>
    where
        S: Service<R>,
    {
        #[pin]
        state: State<S, R, H>,
    }
}

pin_project! {
    #[project = StateProj]
    #[project_replace = StateOwn]
    enum State<S, R, H: PoolHandle>
    where
        S: Service<R>,
    {
        Queued { queued: Pin<Box<Queued<S, R, H>>> },
        // In this order: what the future holds is dropped before its permit.
        Running {
            #[pin]
            future: S::Future,
            _permit: Permit<H>,
        },
        Refused { overflow: Packed },
        Done,
    }
}

impl<S, R, H> ResponseFuture<S, R, H>
where
    S: Service<R>,
    H: PoolHandle,
{
    #[inline]
    pub(super) fn running(future: S::Future, permit: Permit<H>) -> Self {
        Self {
            state: State::Running {
                future,
                _permit: permit,
            },
        }
    }

    pub(super) fn queued(queued: Pin<Box<Queued<S, R, H>>>) -> Self {
        Self {
            state: State::Queued { queued },
        }
    }

    pub(super) fn refused(overflow: Packed) -> Self {
        Self {
            state: State::Refused { overflow },
        }
    }
}

impl<S, R, H> Future for ResponseFuture<S, R, H>
where
    S: Service<R>,
    H: PoolHandle,
{
    type Output = Result<S::Response, Error<S::Error>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                // Queued → Running, once it has its slot; → Done, if it is refused after all.
                StateProj::Queued { queued } => match ready!(queued.as_mut().poll_turn(cx)) {
                    Ok((permit, request, service)) => State::Running {
                        future: service.call(request),
                        _permit: permit,
                    },
                    Err(failed) => {
                        let error = match failed {
                            Failed::Refused(refused) => {
                                queued.pool().refused(|| refused);
                                Error::Refused(refused)
                            }
                            Failed::Service(error) => Error::Service(error),
                        };
                        state.set(State::Done);
                        return Poll::Ready(Err(error));
                    }
                },
                // Running → Done: the future is dropped, then its permit.
                StateProj::Running { future, .. } => {
                    let result = ready!(future.poll(cx));
                    state.project_replace(State::Done);
                    return Poll::Ready(result.map_err(Error::Service));
                }
                StateProj::Refused { overflow } => {
                    let overflow = Overflow::from(*overflow);
                    state.set(State::Done);
                    return Poll::Ready(Err(Error::Refused(overflow.into())));
                }
                StateProj::Done => panic!("ResponseFuture polled after it was ready"),
            };
            state.set(next);
        }
    }
}

impl<S, R, H> fmt::Debug for ResponseFuture<S, R, H>
where
    S: Service<R>,
    H: PoolHandle,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::Queued { .. } => "ResponseFuture(Queued)",
            State::Running { .. } => "ResponseFuture(Running)",
            State::Refused { .. } => "ResponseFuture(Refused)",
            State::Done => "ResponseFuture(Done)",
        })
    }
}
