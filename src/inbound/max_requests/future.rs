use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, Version};
use http_body::Body;
use pin_project_lite::pin_project;

use crate::http::{Hold, ResponseBody};
use crate::inbound::pool::PoolHandle;
use crate::inbound::running::Running;

pin_project! {
    /// The response future of [`MaxRequests`](super::MaxRequests).
    ///
    /// Dropping it at any point gives back the slot that it has.
    pub struct ResponseFuture<F, H: PoolHandle> {
        #[pin]
        state: State<F, H>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, H: PoolHandle> {
        Running {
            #[pin]
            running: Running<F, H>,
        },
        Refused { response: Option<Response<Bytes>> },
        Done,
    }
}

impl<F, H: PoolHandle> ResponseFuture<F, H> {
    pub(super) fn running(future: F, hold: Hold<H>, version: Version) -> Self {
        Self {
            state: State::Running {
                running: Running::new(future, hold, version),
            },
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

impl<F, B, E, H> Future for ResponseFuture<F, H>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body + Send + 'static,
    H: PoolHandle,
{
    type Output = Result<Response<ResponseBody<B, H>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        match state.as_mut().project() {
            // Running → Done: the permit goes with the body.
            StateProj::Running { running } => {
                let finished = ready!(running.poll(cx));
                state.set(State::Done);
                Poll::Ready(finished.carry())
            }
            StateProj::Refused { response } => {
                let response = response.take().expect("polled after it was ready");
                Poll::Ready(Ok(response.map(ResponseBody::whole)))
            }
            StateProj::Done => panic!("ResponseFuture polled after it was ready"),
        }
    }
}

impl<F, H: PoolHandle> fmt::Debug for ResponseFuture<F, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::Running { .. } => "ResponseFuture(Running)",
            State::Refused { .. } => "ResponseFuture(Refused)",
            State::Done => "ResponseFuture(Done)",
        })
    }
}
