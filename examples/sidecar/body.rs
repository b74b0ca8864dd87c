//! [`Reply`]: a response's body on its way to the client.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, Version};
use http_body::{Body, Frame, SizeHint};
use meshpool::outbound::{Error as Lost, ErrorKind, ResponseBody};

use crate::counts::Counts;
use crate::deadline::Deadline;
use crate::record::Record;
use crate::reply::Failure;

/// The upstream's, or one from here; with what is left to do for its request.
pub(crate) struct Reply {
    // Above the record, so that what it has from the upstream goes first.
    content: Content,
    record: Record,
}

enum Content {
    Local(Bytes),
    Upstream {
        body: ResponseBody,
        version: Version,
        deadline: Deadline,
        counts: Arc<Counts>,
    },
}

impl Reply {
    pub(crate) fn local(text: Bytes, record: Record) -> Self {
        Self {
            content: Content::Local(text),
            record,
        }
    }

    pub(crate) fn upstream(
        response: Response<ResponseBody>,
        deadline: Deadline,
        counts: Arc<Counts>,
        record: Record,
    ) -> Response<Self> {
        let version = response.version();
        response.map(|body| Self {
            content: Content::Upstream {
                body,
                version,
                deadline,
                counts,
            },
            record,
        })
    }
}

impl Content {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self {
            Self::Local(text) if text.is_empty() => Poll::Ready(None),
            Self::Local(text) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(text))))),
            Self::Upstream {
                body,
                version,
                deadline,
                counts,
            } => {
                if deadline.poll(cx).is_ready() {
                    counts.rq_timeout.add();
                    return Poll::Ready(Some(Err(Broken(Failure::TIMEOUT))));
                }
                let frame = ready!(Pin::new(body).poll_frame(cx));
                let broken = |error| Broken(broken_off(&error, *version));
                Poll::Ready(frame.map(|frame| frame.map_err(broken)))
            }
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Local(text) => text.is_empty(),
            Self::Upstream { body, .. } => body.is_end_stream(),
        }
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
        let frame = ready!(this.content.poll(cx));
        match &frame {
            None => this.record.over(),
            Some(Ok(_)) => {}
            Some(Err(Broken(failure))) => this.record.failed(failure.flag),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Local(text) => SizeHint::with_exact(text.len() as u64),
            Content::Upstream { body, .. } => body.size_hint(),
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        // Of a body that is known to be over nobody asks for the end.
        if self.content.is_over() {
            self.record.over();
        }
    }
}

/// To Envoy half a message is no HTTP/1.
fn broken_off(error: &Lost, version: Version) -> Failure {
    match error.kind() {
        ErrorKind::ConnectionLost if version < Version::HTTP_2 => Failure::NO_HTTP,
        _ => Failure::of(error),
    }
}

/// A response has broken off, which its client is told by the end of the connection or stream.
#[derive(Debug)]
pub(crate) struct Broken(Failure);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "response broken off: {}", self.0.flag)
    }
}

impl Error for Broken {}
