use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::Active;

pin_project! {
    /// The response body of [`ConnectionService`](super::ConnectionService): until it is dropped
    /// its connection is not idle. Otherwise it is the body inside.
    #[derive(Debug)]
    pub struct ConnectionBody<B> {
        #[pin]
        body: B,
        active: Option<Active>,
    }
}

impl<B> ConnectionBody<B> {
    pub(super) fn new(body: B, active: Option<Active>) -> Self {
        Self { body, active }
    }
}

impl<B: Body> Body for ConnectionBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
