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

/// A response's body. The request is active until this has ended, failed or been dropped; or its
/// connection is gone, as with Envoy: what has come of the response and is not read yet is no load
/// for the server any more.
///
/// Dropped before its end, it costs an HTTP/1 request its connection; an HTTP/2 stream is reset,
/// and its connection stays. To keep the connection, read on to the end.
///
/// What is left of a request's body is not sent after the end of its response, as Envoy does. One
/// thing can't be undone: the end of a body that is handed to HTTP/2 in one large piece, of which
/// the peer's window has taken a part only. Its stream ends when that window opens, or with its
/// connection; until then the peer's SETTINGS_MAX_CONCURRENT_STREAMS counts it.
#[derive(Debug)]
#[must_use = "a request is active until its response's body has ended or is dropped"]
pub struct ResponseBody {
    // Above the lease, so that it is dropped before it: on HTTP/2 that resets the stream.
    // None when it is over: h2 takes a stream for one in use as long as anybody holds it.
    inner: Option<Incoming>,
    active: Option<Active>,
    _tunnel: Option<Tunnel>,
}

/// An HTTP/2 stream that has become something else, of which no more is known here: its request is
/// complete when this is dropped.
#[derive(Debug)]
struct Tunnel(Option<Active>);

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
    /// What its connection speaks.
    pub(super) protocol: Protocol,
}

impl ResponseBody {
    pub(super) fn new(inner: Incoming, active: Active) -> Self {
        let mut body = Self {
            inner: Some(inner),
            active: Some(active),
            _tunnel: None,
        };
        body.end_if_over();
        body
    }

    /// The body of a response that has turned its connection into something else, or its stream, if
    /// it is still active.
    pub(super) fn upgraded(inner: Incoming, active: Option<Active>) -> Self {
        Self {
            inner: Some(inner),
            active: None,
            _tunnel: active.map(|active| Tunnel(Some(active))),
        }
    }

    fn end_if_over(&mut self) {
        if self.is_end_stream() {
            self.end();
        }
    }

    fn end(&mut self) {
        self.inner = None;
        if let Some(active) = self.active.take() {
            active.complete();
        }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        if let Some(active) = self.0.take() {
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
            protocol: sender.protocol(),
        }
    }

    fn complete(self) {
        let is_uploading = self.upload.as_ref().is_some_and(|upload| !upload.is_over());
        // As Envoy: a server that has answered may never read the rest of a request. On HTTP/2
        // that is reset, before its stream goes to the next.
        drop(self.upload);
        if self.closes {
            self.lease.end(End::CompleteAndClose);
        } else if is_uploading {
            drop(self.lease);
        } else {
            self.lease.complete();
        }
    }

    /// The request is over by an error of hyper's; without one, its connection was dead.
    pub(super) fn fail(self, error: Option<hyper::Error>) -> Error {
        let failed_upload = self.upload.as_ref().and_then(Uploading::error);
        let error = match error {
            Some(error) => Error::after(error, failed_upload, &self.destination),
            None => Error::before(ErrorKind::ConnectionLost, &self.destination),
        };
        let error = error.on(self.protocol);
        drop(self.upload);
        let end = match error.kind() {
            ErrorKind::RefusedStream => End::Refused,
            ErrorKind::ConnectionLost => End::Lost,
            ErrorKind::RequestBody | ErrorKind::InvalidResponse => End::Aborted,
            // It never left.
            ErrorKind::InvalidRequest => {
                self.lease.complete();
                return error;
            }
            _ => End::Reset,
        };
        self.lease.end(end);
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
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(inner).poll_frame(cx));
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                this.end_if_over();
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                this.inner = None;
                let active = this.active.take();
                active.map(|active| Err(active.fail(Some(error))))
            }
            None => {
                this.end();
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let ended = || SizeHint::with_exact(0);
        self.inner.as_ref().map_or_else(ended, Body::size_hint)
    }
}
