//! [`ResponseBody`], which keeps its request active; and the wrapper that watches a request's body.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::{error, fmt};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::Notify;

use crate::limits::Destination;
use crate::outbound::destination::End;
use crate::outbound::error::{BoxError, Cause, Error, ErrorKind};
use crate::outbound::pool::Lease;

/// A response's body. The request is active until this has ended, failed or been dropped.
///
/// Dropped before its end, it costs an HTTP/1 request its connection; an HTTP/2 stream is reset,
/// and its connection stays. To keep the connection, read on to the end.
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
    pub(super) lease: Lease,
    pub(super) destination: Destination,
    /// Of a request whose body may still be on its way.
    pub(super) upload: Option<Arc<Upload>>,
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
    fn complete(self) {
        let is_uploading = self.upload.is_some_and(|upload| !upload.is_over());
        // As Envoy: a server that has answered may never read the rest of an HTTP/1 request.
        match self.closes || (self.is_exclusive && is_uploading) {
            true => self.lease.end(End::CompleteAndClose),
            false => self.lease.complete(),
        }
    }

    /// The request is over by an error of hyper's.
    pub(super) fn fail(self, error: hyper::Error) -> Error {
        let failed_upload = self.upload.and_then(|upload| upload.error());
        let error = Error::after(error, failed_upload, &self.destination);
        self.lease.end(match error.kind() {
            ErrorKind::RefusedStream => End::Refused,
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
            Some(Err(error)) => this.active.take().map(|active| Err(active.fail(error))),
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

/// What is known of a request's body while hyper has it.
#[derive(Debug, Default)]
pub(super) struct Upload {
    is_over: AtomicBool,
    over: Notify,
    error: Mutex<Option<Cause>>,
}

impl Upload {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Waits until all of it is sent, or nobody will send the rest.
    pub(super) async fn over(&self) {
        while !self.is_over() {
            // It keeps a notification that comes before.
            self.over.notified().await;
        }
    }

    fn error(&self) -> Option<Cause> {
        let mut error = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        error.take()
    }
}

/// A request's body, watched.
#[derive(Debug)]
pub(super) struct RequestBody<B> {
    inner: B,
    /// None if there is nothing to see.
    upload: Option<Arc<Upload>>,
}

impl<B: Body> RequestBody<B> {
    pub(super) fn new(inner: B) -> Self {
        let upload = (!inner.is_end_stream()).then(Arc::default);
        Self { inner, upload }
    }

    pub(super) fn upload(&self) -> Option<Arc<Upload>> {
        self.upload.clone()
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = UploadFailed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, UploadFailed>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|error| {
                let error = Cause::from(error.into());
                if let Some(upload) = &self.upload {
                    let mut kept = upload.error.lock().unwrap_or_else(PoisonError::into_inner);
                    *kept = Some(error.clone());
                }
                UploadFailed(error)
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// hyper drops a body as soon as it has sent all of it.
impl<B> Drop for RequestBody<B> {
    fn drop(&mut self) {
        if let Some(upload) = &self.upload {
            upload.is_over.store(true, Ordering::Release);
            upload.over.notify_one();
        }
    }
}

/// A request's body has failed, in a form that two can hold.
#[derive(Debug)]
pub(super) struct UploadFailed(Cause);

impl fmt::Display for UploadFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl error::Error for UploadFailed {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.source()
    }
}
