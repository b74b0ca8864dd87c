//! [`ResponseBody`]: a response body that carries its request's permit to its end.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::stall::{Shared, Stalls, Turn};
use super::{BoxError, Hold};
use crate::admission::Handle;

/// Up to this size a body of known length fits into any server's buffer, so that on HTTP/1 its
/// reader cannot stall it.
const SMALL: u64 = 64 * 1024;

pin_project! {
    /// The response body of the layers here.
    ///
    /// The request is active until this has ended, failed or been dropped: the body inside is
    /// dropped first, then the permit. Size hints, trailers and `is_end_stream` are those of the
    /// body inside.
    ///
    /// # Errors
    ///
    /// Those of the body inside, and one of its own if the response was aborted because its
    /// reader took nothing for as long as the pool's stall timeout.
    pub struct ResponseBody<B, H: Handle> where B: Send, B: 'static {
        #[pin]
        kind: Kind<B, H>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B, H: Handle> where B: Send, B: 'static {
        // In this order: the body is dropped before its permit.
        Held {
            #[pin]
            body: Option<B>,
            hold: Hold<H>,
        },
        /// It may stall, so the sweeper must be able to reach it.
        Watched { shared: Shared<Held<B, H>> },
        /// A refusal, of one piece.
        Whole { bytes: Bytes },
    }
}

pin_project! {
    /// Dropped in this order: first the body, then the permit.
    struct Held<B, H: Handle> {
        #[pin]
        body: B,
        hold: Hold<H>,
    }
}

impl<B: Body + Send + 'static, H: Handle> ResponseBody<B, H> {
    /// `stalls` says where the body is to be watched, if it may stall.
    #[inline]
    pub(crate) fn new(
        body: B,
        hold: Hold<H>,
        version: Version,
        stalls: impl FnOnce(&H) -> Option<&Arc<Stalls>>,
    ) -> Self {
        if may_stall(&body, version) {
            if let Some(stalls) = hold.handle().and_then(stalls).cloned() {
                return Self::watched(Held { body, hold }, &stalls);
            }
        }
        Self::held(body, hold)
    }

    #[inline]
    fn held(body: B, hold: Hold<H>) -> Self {
        Self {
            kind: Kind::Held {
                body: Some(body),
                hold,
            },
        }
    }

    #[inline(never)]
    fn watched(held: Held<B, H>, stalls: &Arc<Stalls>) -> Self {
        match stalls.watch(held) {
            Ok(shared) => Self {
                kind: Kind::Watched { shared },
            },
            Err(Held { body, hold }) => Self::held(body, hold),
        }
    }

    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self {
            kind: Kind::Whole { bytes },
        }
    }
}

/// Whether a body has ended, as it says itself or because it is gone.
#[inline]
fn is_over(body: &Option<impl Body>) -> bool {
    body.as_ref().is_none_or(Body::is_end_stream)
}

/// Whether a reader can keep the body from being polled to its end.
#[inline]
fn may_stall(body: &impl Body, version: Version) -> bool {
    if body.is_end_stream() {
        return false;
    }
    // On HTTP/2 the reader grants each byte its window, and may grant none.
    let buffered = version <= Version::HTTP_11;
    !(buffered && body.size_hint().exact().is_some_and(|size| size <= SMALL))
}

impl<B, H> Body for ResponseBody<B, H>
where
    B: Body + Send + 'static,
    B::Data: From<Bytes>,
    B::Error: Into<BoxError>,
    H: Handle,
{
    type Data = B::Data;
    type Error = BoxError;

    /// A body that cannot stall is polled here, and others out of line.
    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut kind = self.project().kind;
        let KindProj::Held { mut body, hold } = kind.as_mut().project() else {
            return kind.poll_otherwise(cx);
        };
        let Some(polled) = body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = match ready!(polled.poll_frame(cx)) {
            Some(Ok(frame)) => {
                if !is_over(&*body) {
                    return Poll::Ready(Some(Ok(frame)));
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => Some(Err(error.into())),
            None => None,
        };
        // First the body, then the permit: nobody else runs before the body is gone.
        body.set(None);
        drop(hold.take());
        Poll::Ready(frame)
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Held { body, .. } => is_over(body),
            Kind::Watched { shared } => shared
                .peek(|held| held.body.is_end_stream())
                .unwrap_or(!shared.is_aborted()),
            Kind::Whole { bytes } => bytes.is_empty(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Held { body, .. } => match body {
                Some(body) => body.size_hint(),
                None => SizeHint::with_exact(0),
            },
            Kind::Watched { shared } => {
                shared
                    .peek(|held| held.body.size_hint())
                    .unwrap_or_else(|| match shared.is_aborted() {
                        true => SizeHint::default(),
                        false => SizeHint::with_exact(0),
                    })
            }
            Kind::Whole { bytes } => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}

impl<B, H> Kind<B, H>
where
    B: Body + Send + 'static,
    B::Data: From<Bytes>,
    B::Error: Into<BoxError>,
    H: Handle,
{
    #[inline(never)]
    fn poll_otherwise(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        match self.project() {
            KindProj::Watched { shared } => poll_watched(shared, cx),
            KindProj::Whole { bytes } => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes.into()))))
            }
            KindProj::Held { .. } => Poll::Ready(None),
        }
    }
}

fn poll_watched<B, H>(
    shared: &Shared<Held<B, H>>,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<B::Data>, BoxError>>>
where
    B: Body + Send + 'static,
    B::Error: Into<BoxError>,
    H: Handle,
{
    let polled = shared.with(|mut held| {
        let frame = held.as_mut().project().body.poll_frame(cx);
        let turn = match &frame {
            Poll::Pending => Turn::Body,
            Poll::Ready(Some(Ok(_))) if !held.body.is_end_stream() => Turn::Reader,
            Poll::Ready(_) => Turn::Over,
        };
        (frame, turn)
    });
    match polled {
        None => Poll::Ready(None),
        Some(Err(stalled)) => Poll::Ready(Some(Err(stalled.into()))),
        Some(Ok(frame)) => frame.map(|frame| frame.map(|frame| frame.map_err(Into::into))),
    }
}

impl<B: Send + 'static, H: Handle> fmt::Debug for ResponseBody<B, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            Kind::Held { .. } => "ResponseBody(Held)",
            Kind::Watched { .. } => "ResponseBody(Watched)",
            Kind::Whole { .. } => "ResponseBody(Whole)",
        })
    }
}
