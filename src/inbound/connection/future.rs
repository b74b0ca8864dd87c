use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::{Active, ConnectionBody, Reply};
use crate::http::BoxError;

pin_project! {
    /// The response future of [`ConnectionService`](super::ConnectionService).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        // In this order: what the future holds is dropped before the request is over.
        Running {
            #[pin]
            future: F,
            active: Option<Active>,
            reply: Reply,
        },
        Refused,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn running(future: F, active: Active, reply: Reply) -> Self {
        Self {
            state: State::Running {
                future,
                active: Some(active),
                reply,
            },
        }
    }

    pub(super) fn refused() -> Self {
        Self {
            state: State::Refused,
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<ConnectionBody<B>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Running {
                future,
                active,
                reply,
            } => {
                let result = ready!(future.poll(cx));
                let active = active.take().expect("polled after it was ready");
                let mut response = result.map_err(Into::into)?;
                active.connection().answer();
                reply.close_if_reached(active.connection().count(), &mut response);
                let active = if !reply.opens_tunnel(&response) {
                    Some(active)
                } else if reply.is_http1() {
                    active.connection().set_tunnel();
                    Some(active)
                } else {
                    // A tunnel on an HTTP/2 stream outlives the response, and nobody says for
                    // how long. Its connection is not to be taken for idle.
                    active.for_good();
                    None
                };
                Poll::Ready(Ok(response.map(|body| ConnectionBody::new(body, active))))
            }
            // Hyper looks for this error's reason, and resets the stream with it.
            StateProj::Refused => {
                Poll::Ready(Err(Box::new(h2::Error::from(h2::Reason::REFUSED_STREAM))))
            }
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::Running { .. } => "ResponseFuture(Running)",
            State::Refused => "ResponseFuture(Refused)",
        })
    }
}
