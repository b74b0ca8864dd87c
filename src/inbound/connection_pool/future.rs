use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::http::{Hold, ResponseBody};
use crate::inbound::pool::PoolHandle;
use crate::inbound::queued::{Failed, Queued};
use crate::inbound::running::Running;

pin_project! {
    /// The response future of [`ConnectionPool`](super::ConnectionPool).
    ///
    /// Dropping it at any point gives back the place or the slot that it has.
    pub struct ResponseFuture<S, A, H: PoolHandle>
    where
        S: Service<Request<A>>,
    {
        #[pin]
        state: State<S, A, H>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, A, H: PoolHandle>
    where
        S: Service<Request<A>>,
    {
        Queued {
            queued: Pin<Box<Queued<S, Request<A>, H>>>,
        },
        Running {
            #[pin]
            running: Running<S::Future, H>,
        },
        Refused { response: Option<Response<Bytes>> },
        Done,
    }
}

impl<S, A, H> ResponseFuture<S, A, H>
where
    S: Service<Request<A>>,
    H: PoolHandle,
{
    pub(super) fn running(future: S::Future, hold: Hold<H>, version: Version) -> Self {
        Self {
            state: State::Running {
                running: Running::new(future, hold, version),
            },
        }
    }

    pub(super) fn queued(queued: Pin<Box<Queued<S, Request<A>, H>>>) -> Self {
        Self {
            state: State::Queued { queued },
        }
    }

    pub(super) fn refused(response: Response<Bytes>) -> Self {
        Self {
            state: State::Refused {
                response: Some(response),
            },
        }
    }
}

impl<S, A, B, H> Future for ResponseFuture<S, A, H>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Body + Send + 'static,
    H: PoolHandle,
{
    type Output = Result<Response<ResponseBody<B, H>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                // Queued → Running, once it has its slot; → Done, if it is refused after all.
                StateProj::Queued { queued } => match ready!(queued.as_mut().poll_turn(cx)) {
                    Ok((permit, mut request, service)) => {
                        let hold = Hold::new(permit, &mut request);
                        let version = request.version();
                        let future = service.call(request);
                        State::Running {
                            running: Running::new(future, hold, version),
                        }
                    }
                    Err(failed) => {
                        let result = match failed {
                            Failed::Service(error) => Err(error),
                            Failed::Refused(refused) => {
                                let pool = queued.pool();
                                let response = pool.refuse(&refused, queued.request());
                                Ok(response.map(ResponseBody::whole))
                            }
                        };
                        state.set(State::Done);
                        return Poll::Ready(result);
                    }
                },
                // Running → Done: the permit goes with the body.
                StateProj::Running { running } => {
                    let finished = ready!(running.poll(cx));
                    state.set(State::Done);
                    return Poll::Ready(finished.carry());
                }
                StateProj::Refused { response } => {
                    let response = response.take().expect("polled after it was ready");
                    return Poll::Ready(Ok(response.map(ResponseBody::whole)));
                }
                StateProj::Done => panic!("ResponseFuture polled after it was ready"),
            };
            state.set(next);
        }
    }
}

impl<S, A, H> fmt::Debug for ResponseFuture<S, A, H>
where
    S: Service<Request<A>>,
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
