//! [`ResponseBody`], which keeps its request active.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::upload::Uploading;
use crate::limits::Destination;
use crate::outbound::connection::Sender;
use crate::outbound::destination::{End, Protocol};
use crate::outbound::error::{Error, ErrorKind};
use crate::outbound::pool::Lease;

/// A response's body. The request is active until this has ended, failed or been dropped.
///
/// Dropped before its end, it costs an HTTP/1 request its connection; an HTTP/2 stream is reset,
/// and its connection stays. To keep the connection, read on to the end.
///
/// An HTTP/2 stream whose request body waits for the peer's window at that moment is reset when the
/// window opens, or ends with its connection: hyper does not let go of the body sooner.
#[derive(Debug)]
#[must_use = "a request is active until its response's body has ended or is dropped"]
pub struct ResponseBody {
    // Above the lease, so that it is dropped before it: on HTTP/2 that resets the stream.
    inner: Incoming,
    active: Option<Active>,
}

/// What is to be done when a response has ended.
#[derive(Debug)]
pub(super) struct Active {
    /// Of a request whose body may still be on its way. Above the lease, so that it is given up
    /// before its stream goes to the next.
    upload: Option<Uploading>,
    pub(super) lease: Lease,
    destination: Destination,
    /// The connection can't carry another: the response says so.
    pub(super) closes: bool,
    /// The connection carries one request at a time.
    pub(super) is_exclusive: bool,
}

impl ResponseBody {
    pub(super) fn new(inner: Incoming, active: Active) -> Self {
        let mut body = Self {
            inner,
            active: Some(active),
        };
        body.end_if_over();
        body
    }

    /// The body of a response that has turned its connection into something else.
    pub(super) fn upgraded(inner: Incoming) -> Self {
        Self {
            inner,
            active: None,
        }
    }

    fn end_if_over(&mut self) {
        if !self.inner.is_end_stream() {
            return;
        }
        if let Some(active) = self.active.take() {
            active.complete();
        }
    }
}

impl Active {
    pub(super) fn new<B>(
        lease: Lease,
        sender: &Sender<B>,
        destination: &Destination,
        upload: Option<Uploading>,
    ) -> Self {
        Self {
            upload,
            lease,
            destination: destination.clone(),
            closes: false,
            is_exclusive: sender.protocol() == Protocol::Http1,
        }
    }

    fn complete(self) {
        let is_uploading = self.upload.as_ref().is_some_and(|upload| !upload.is_over());
        // As Envoy: a server that has answered may never read the rest of a request. On HTTP/2
        // that is reset, before its stream goes to the next.
        drop(self.upload);
        match self.closes || (self.is_exclusive && is_uploading) {
            true => self.lease.end(End::CompleteAndClose),
            false => self.lease.complete(),
        }
    }

    /// The request is over by an error of hyper's; without one, its connection was dead.
    pub(super) fn fail(self, error: Option<hyper::Error>) -> Error {
        let failed_upload = self.upload.as_ref().and_then(Uploading::error);
        let error = match error {
            Some(error) => Error::after(error, failed_upload, &self.destination),
            None => Error::before(ErrorKind::ConnectionLost, &self.destination),
        };
        drop(self.upload);
        self.lease.end(match error.kind() {
            ErrorKind::RefusedStream => End::Refused,
            ErrorKind::ConnectionLost => End::Lost,
            _ => End::Reset,
        });
        error
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                this.end_if_over();
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                let active = this.active.take();
                active.map(|active| Err(active.fail(Some(error))))
            }
            None => {
                if let Some(active) = this.active.take() {
                    active.complete();
                }
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
