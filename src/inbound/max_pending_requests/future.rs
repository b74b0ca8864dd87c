use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::waiting::{Failed, Waiting};
use crate::http::{Hold, ResponseBody};
use crate::inbound::pool::Shared;
use crate::inbound::running::Running;

pin_project! {
    /// The response future of [`MaxPendingRequests`](super::MaxPendingRequests).
    ///
    /// Dropping it at any point gives back the place that it has.
    pub struct ResponseFuture<S, A>
    where
        S: Service<Request<A>>,
    {
        #[pin]
        state: State<S, A>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, A>
    where
        S: Service<Request<A>>,
    {
        Waiting {
            #[pin]
            waiting: Waiting<S, A>,
        },
        Running {
            #[pin]
            running: Running<S::Future, Shared>,
        },
        Refused { response: Option<Response<Bytes>> },
        Done,
    }
}

impl<S, A> ResponseFuture<S, A>
where
    S: Service<Request<A>>,
{
    pub(super) fn waiting(waiting: Waiting<S, A>) -> Self {
        Self {
            state: State::Waiting { waiting },
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

impl<S, A, B> Future for ResponseFuture<S, A>
where
    S: Service<Request<A>, Response = Response<B>>,
    B: Body + Send + 'static,
{
    type Output = Result<Response<ResponseBody<B, Shared>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                // Waiting → Running, once the service is ready; → Done, if it is refused. The
                // clone that waited is dropped once it was called.
                StateProj::Waiting { waiting } => match ready!(waiting.poll_turn(cx)) {
                    Ok((request, service)) => {
                        let version = request.version();
                        let future = service.call(request);
                        State::Running {
                            running: Running::new(future, Hold::Exempt, version),
                        }
                    }
                    Err(failed) => {
                        state.set(State::Done);
                        return Poll::Ready(match failed {
                            Failed::Refused(response) => Ok(response.map(ResponseBody::whole)),
                            Failed::Service(error) => Err(error),
                        });
                    }
                },
                // Running → Done.
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

impl<S, A> fmt::Debug for ResponseFuture<S, A>
where
    S: Service<Request<A>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::Waiting { .. } => "ResponseFuture(Waiting)",
            State::Running { .. } => "ResponseFuture(Running)",
            State::Refused { .. } => "ResponseFuture(Refused)",
            State::Done => "ResponseFuture(Done)",
        })
    }
}
