//! [`Running`]: a request that runs, until its response has a head.
//!
//! What all HTTP layers here do with a request once it may run: its permit waits beside the
//! service's future, and then goes with the response body.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Response, Version};
use http_body::Body;
use pin_project_lite::pin_project;

use super::pool::PoolHandle;
use crate::http::{Hold, ResponseBody};

pin_project! {
    /// In this order: what the future holds is dropped before its permit.
    pub(super) struct Running<F, H: PoolHandle> {
        #[pin]
        future: F,
        hold: Option<Hold<H>>,
        version: Version,
    }
}

/// What the service's future resolved to, and the permit of its request.
#[must_use = "the permit is given back unless it is carried on"]
pub(super) struct Finished<B, E, H: PoolHandle> {
    result: Result<Response<B>, E>,
    hold: Hold<H>,
    version: Version,
}

impl<F, H: PoolHandle> Running<F, H> {
    #[inline]
    pub(super) fn new(future: F, hold: Hold<H>, version: Version) -> Self {
        Self {
            future,
            hold: Some(hold),
            version,
        }
    }

    /// Polls the service's future. Once this is ready its owner drops it, and only then carries
    /// on: the future is to be gone before the permit can be.
    #[inline]
    pub(super) fn poll<B, E>(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Finished<B, E, H>>
    where
        F: Future<Output = Result<Response<B>, E>>,
    {
        let this = self.project();
        this.future.poll(cx).map(|result| Finished {
            result,
            hold: this.hold.take().expect("polled after it was ready"),
            version: *this.version,
        })
    }
}

impl<B, E, H> Finished<B, E, H>
where
    B: Body + Send + 'static,
    H: PoolHandle,
{
    /// Has the response body carry the permit.
    #[inline]
    pub(super) fn carry(self) -> Result<Response<ResponseBody<B, H>>, E> {
        let Self {
            result,
            hold,
            version,
        } = self;
        let (head, body) = result?.into_parts();
        let body = ResponseBody::new(body, hold, version, |handle| handle.state().stalls());
        Ok(Response::from_parts(head, body))
    }
}
