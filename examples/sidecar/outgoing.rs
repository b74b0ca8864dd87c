//! [`Outgoing`]: a request's body on its way to the upstream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::BoxError;
use crate::upload::Sending;

pub(crate) enum Outgoing {
    Empty,
    Sending(Sending),
}

impl Outgoing {
    /// The body from its beginning again, if that is possible.
    pub(crate) fn again(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Sending(sending) => sending.again().map(Self::Sending),
        }
    }

    /// It is about to be sent.
    pub(crate) fn begin(&mut self) {
        if let Self::Sending(sending) = self {
            sending.begin();
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
            Self::Sending(sending) => sending.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Sending(sending) => sending.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Sending(sending) => sending.size_hint(),
        }
    }
}
