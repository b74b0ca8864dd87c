//! [`Progress`]: how far an HTTP request is on its way to its response.
//!
//! What the futures of all HTTP layers here are inside. A request waits, if its layer has it wait.
//! Then it runs, its permit beside the service's future, and the permit goes with the response
//! body. Or it is refused.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, Version};
use http_body::Body;
use pin_project_lite::pin_project;

use super::pool::PoolHandle;
use crate::http::{Hold, ResponseBody};

const POLLED_TWICE: &str = "ResponseFuture polled after it was ready";

pin_project! {
    #[project = ProgressProj]
    pub(super) enum Progress<W, F, H: PoolHandle> {
        Waiting {
            #[pin]
            wait: W,
        },
        // In this order: what the future holds is dropped before its permit.
        Running {
            #[pin]
            future: Option<F>,
            hold: Hold<H>,
            version: Version,
        },
        // The pool answers itself; `None` once it has, or if the service failed before its call.
        Refused { response: Option<Response<Bytes>> },
    }
}

/// What a request does before it runs.
pub(super) trait Wait<F, E, H: PoolHandle>: Sized {
    /// Waits until it is settled whether the request runs or is refused. The error is that of a
    /// service which failed while it became ready.
    fn poll_wait(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Progress<Self, F, H>, E>>;
}

/// Of a layer whose requests never wait.
impl<F, E, H: PoolHandle> Wait<F, E, H> for Infallible {
    fn poll_wait(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Result<Progress<Self, F, H>, E>> {
        match *self {}
    }
}

impl<W, F, H: PoolHandle> Progress<W, F, H> {
    /// The pool's answer instead of the service's.
    pub(super) fn refused(response: Response<Bytes>) -> Self {
        Self::Refused {
            response: Some(response),
        }
    }

    /// The service was called; `version` is the request's.
    #[inline]
    pub(super) fn running(future: F, hold: Hold<H>, version: Version) -> Self {
        Self::Running {
            future: Some(future),
            hold,
            version,
        }
    }

    /// Goes on until there is a response.
    ///
    /// What waits is polled out of line, and answers by a change of state and not by a response:
    /// the compiler copies fewer responses about where there is only one place that makes them.
    #[inline]
    pub(super) fn poll<B, E>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<ResponseBody<B, H>>, E>>
    where
        W: Wait<F, E, H>,
        F: Future<Output = Result<Response<B>, E>>,
        B: Body + Send + 'static,
    {
        loop {
            match self.as_mut().project() {
                ProgressProj::Running {
                    mut future,
                    hold,
                    version,
                } => {
                    let running = future.as_mut().as_pin_mut().expect(POLLED_TWICE);
                    let result = ready!(running.poll(cx));
                    return Poll::Ready(match result {
                        Ok(response) => {
                            let (head, body) = response.into_parts();
                            // The future is dropped, and only then can the permit be, which goes
                            // with the response body.
                            future.set(None);
                            let body = ResponseBody::new(body, hold.take(), *version, |handle| {
                                handle.state().stalls()
                            });
                            Ok(Response::from_parts(head, body))
                        }
                        Err(error) => {
                            future.set(None);
                            drop(hold.take());
                            Err(error)
                        }
                    });
                }
                ProgressProj::Refused { response } => {
                    let response = response.take().expect(POLLED_TWICE);
                    return Poll::Ready(Ok(response.map(ResponseBody::whole)));
                }
                ProgressProj::Waiting { .. } => ready!(self.as_mut().poll_wait(cx))?,
            }
        }
    }

    /// Waiting → Running or Refused.
    #[inline(never)]
    fn poll_wait<E>(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>>
    where
        W: Wait<F, E, H>,
    {
        let ProgressProj::Waiting { wait } = self.as_mut().project() else {
            return Poll::Ready(Ok(()));
        };
        let (next, result) = match ready!(wait.poll_wait(cx)) {
            Ok(next) => (next, Ok(())),
            Err(error) => (Self::Refused { response: None }, Err(error)),
        };
        self.set(next);
        Poll::Ready(result)
    }
}

/// As the response future that it is all of.
impl<W, F, H: PoolHandle> fmt::Debug for Progress<W, F, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting { .. } => "ResponseFuture(Waiting)",
            Self::Running { .. } => "ResponseFuture(Running)",
            Self::Refused { .. } => "ResponseFuture(Refused)",
        })
    }
}
