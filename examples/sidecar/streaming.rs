//! [`Streaming`]: the upstream's response, while it comes.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use meshpool::outbound::{Error as Lost, ErrorKind, ResponseBody};

use crate::counts::Counts;
use crate::fault::Fault;
use crate::record::Record;
use crate::reply::Failure;

/// Its body, and what is left to do for its request.
pub(crate) struct Streaming {
    // Above the record, so that what it has from the upstream goes first.
    body: ResponseBody,
    record: Record,
    version: Version,
    counts: Arc<Counts>,
    is_over: bool,
}

impl Streaming {
    pub(crate) fn new(
        body: ResponseBody,
        version: Version,
        counts: Arc<Counts>,
        record: Record,
    ) -> Self {
        let mut this = Self {
            body,
            record,
            version,
            counts,
            is_over: false,
        };
        // Of a body that is known to be over nobody asks for the end.
        if this.body.is_end_stream() {
            this.end();
        }
        this
    }

    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose();
        let frame = frame.map_err(|error| {
            let flag = broken_off(&error, self.version);
            self.record.failed(flag);
            Broken(flag)
        });
        if self.body.is_end_stream() || !matches!(frame, Ok(Some(_))) {
            self.end();
        }
        Poll::Ready(frame.transpose())
    }

    fn end(&mut self) {
        self.is_over = true;
        self.record.over();
    }

    /// Whether there is nothing more to come.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    /// It has taken too long.
    pub(crate) fn time_out(mut self) {
        self.counts.rq_timeout.add();
        self.record.failed(Failure::TIMEOUT.flag);
    }
}

/// Envoy's flag for it. To Envoy half a message is no HTTP/1.
fn broken_off(error: &Lost, version: Version) -> &'static str {
    match error.kind() {
        ErrorKind::ConnectionLost if version < Version::HTTP_2 => Failure::NO_HTTP.flag,
        ErrorKind::RequestBody => Fault::of(error).flag(),
        _ => Failure::of(error).flag,
    }
}

/// A response has broken off, which its client is told by the end of the connection or stream.
#[derive(Debug)]
pub(crate) struct Broken(&'static str);

impl Broken {
    pub(crate) const TIMEOUT: Self = Self(Failure::TIMEOUT.flag);
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "response broken off: {}", self.0)
    }
}

impl Error for Broken {}
