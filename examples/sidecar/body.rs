//! [`Reply`]: a response's body on its way to the client.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use meshpool::outbound::ResponseBody;

use crate::counts::Counts;
use crate::deadline::Deadline;
use crate::record::Record;
use crate::streaming::{Broken, Streaming};
use crate::watched::Watched;

/// The upstream's, or one from here; with what is left to do for its request.
pub(crate) enum Reply {
    Local(Bytes, Record),
    /// It is all there, or may take as long as it likes.
    Upstream(Streaming),
    /// Nobody has asked for anything of it. Most are all there when somebody does.
    New(Option<(Streaming, Deadline)>),
    Watched(Watched),
}

impl Reply {
    pub(crate) fn local(text: Bytes, mut record: Record) -> Self {
        if text.is_empty() {
            record.over();
        }
        Self::Local(text, record)
    }

    pub(crate) fn upstream(
        response: Response<ResponseBody>,
        deadline: Deadline,
        counts: Arc<Counts>,
        record: Record,
    ) -> Response<Self> {
        let version = response.version();
        response.map(|body| {
            let streaming = Streaming::new(body, version, counts, record);
            match deadline.is_set() && !streaming.is_over() {
                true => Self::New(Some((streaming, deadline))),
                false => Self::Upstream(streaming),
            }
        })
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        match this {
            Self::Local(text, _) if text.is_empty() => Poll::Ready(None),
            Self::Local(text, record) => {
                record.over();
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(text)))))
            }
            Self::Upstream(streaming) => streaming.poll(cx),
            Self::New(new) => {
                let (mut streaming, deadline) = new.take().expect("new until now");
                let polled = streaming.poll(cx);
                *this = match streaming.is_over() {
                    true => Self::Upstream(streaming),
                    false => {
                        let asker = polled.is_pending().then(|| cx.waker().clone());
                        Self::Watched(Watched::new(streaming, deadline, asker))
                    }
                };
                polled
            }
            Self::Watched(watched) => watched.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Local(text, _) => text.is_empty(),
            Self::Upstream(streaming) => streaming.is_end_stream(),
            // It would not be new.
            Self::New(_) => false,
            Self::Watched(watched) => watched.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Local(text, _) => SizeHint::with_exact(text.len() as u64),
            Self::Upstream(streaming) => streaming.size_hint(),
            Self::New(new) => {
                let streaming = new.as_ref().map(|(streaming, _)| streaming);
                streaming.map(Streaming::size_hint).unwrap_or_default()
            }
            Self::Watched(watched) => watched.size_hint(),
        }
    }
}
