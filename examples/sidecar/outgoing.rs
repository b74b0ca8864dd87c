//! [`Outgoing`]: a request's body on its way to the upstream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use crate::BoxError;
use crate::replay::Replay;

pub(crate) enum Outgoing {
    Empty,
    /// As it comes.
    Once(Source),
    /// As it comes, and kept in case it has to be sent again.
    Again(Replay),
}

impl Outgoing {
    /// The body from its beginning again, if that is possible.
    pub(crate) fn again(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Once(_) => None,
            Self::Again(replay) => replay.again().map(Self::Again),
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Once(source) => source.poll(cx).map_err(BoxError::from),
            Self::Again(replay) => replay.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Once(source) => source.is_over(),
            Self::Again(replay) => replay.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Once(source) => source.size_hint(),
            Self::Again(replay) => replay.size_hint(),
        }
    }
}

/// What the client sends. Whoever holds the other end learns when it is over: read to its end, or
/// read no more.
pub(crate) struct Source {
    body: Incoming,
    unread: Option<oneshot::Sender<()>>,
}

impl Source {
    pub(crate) fn new(body: Incoming) -> (Self, oneshot::Receiver<()>) {
        let (unread, over) = oneshot::channel();
        let source = Self {
            body,
            unread: Some(unread),
        };
        (source, over)
    }

    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream() {
            self.unread = None;
        }
        frame
    }

    pub(crate) fn is_over(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
