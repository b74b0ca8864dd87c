//! [`RequestBody`], which watches a request's body while hyper has it, and stops it when nobody
//! wants it sent any more. It is anybody's code, polled in the task of a connection that others
//! share: if it panics, that is an error of its own request, and it is asked nothing any more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::{error, fmt};

use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

use crate::outbound::connection::{Interest, Tasks};
use crate::outbound::error::{BoxError, Cause};

/// What is known of a request's body.
#[derive(Debug, Default)]
struct Upload {
    /// hyper has all of it, or there will be no more.
    is_read: AtomicBool,
    read: Notify,
    /// hyper has sent it, or will not.
    is_over: AtomicBool,
    error: Mutex<Option<Cause>>,
    is_given_up: AtomicBool,
    /// Whoever sends the body.
    task: Mutex<Option<Waker>>,
}

/// The interest in a request's body. Dropped, what is left of the body is not sent: hyper goes on
/// with it otherwise, after the end of an HTTP/2 response and after its being dropped.
#[derive(Debug)]
pub(super) struct Uploading(Arc<Upload>);

impl Uploading {
    /// Whether all of it is sent, or nobody will send the rest.
    pub(super) fn is_over(&self) -> bool {
        self.0.is_over.load(Ordering::Acquire)
    }

    /// Waits until the caller has given all of it, sent or not: as Envoy, which counts the time of
    /// a response from there. A server that reads nothing is as late as one that says nothing.
    pub(super) async fn read(&self) {
        while !self.0.is_read.load(Ordering::Acquire) {
            // It keeps a notification that comes before.
            self.0.read.notified().await;
        }
    }

    /// Why the body failed, if it did. Tells it once.
    pub(super) fn error(&self) -> Option<Cause> {
        lock(&self.0.error).take()
    }
}

impl Drop for Uploading {
    fn drop(&mut self) {
        if self.is_over() {
            return;
        }
        self.0.is_given_up.store(true, Ordering::Release);
        let task = lock(&self.0.task).take();
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// A request's body, watched.
#[derive(Debug)]
pub(super) struct RequestBody<B> {
    inner: B,
    has_panicked: AtomicBool,
    /// Its error was told, and there is nothing after that.
    has_failed: bool,
    /// None if there is nothing to see, or to send.
    upload: Option<Arc<Upload>>,
    /// To be told when hyper begins.
    tasks: Option<Tasks>,
}

impl<B: Body> RequestBody<B> {
    /// Of a body that is complete nothing is asked after this.
    pub(super) fn new(inner: B) -> Self {
        let upload = (!inner.is_end_stream()).then(Arc::default);
        Self {
            inner,
            has_panicked: AtomicBool::new(false),
            has_failed: false,
            upload,
            tasks: None,
        }
    }

    /// Before it is sent: where that goes on if it takes its time.
    pub(super) fn goes_to(&mut self, tasks: Option<&Tasks>) {
        self.tasks = tasks.filter(|_| self.upload.is_some()).cloned();
    }

    /// To be called once.
    pub(super) fn upload(&self) -> Option<Uploading> {
        self.upload.clone().map(Uploading)
    }

    /// What the body says of itself, unless it panics; the next poll tells that.
    fn ask<T>(&self, ask: impl FnOnce(&B) -> T) -> Option<T> {
        if self.has_panicked.load(Ordering::Relaxed) {
            return None;
        }
        let answer = catch_unwind(AssertUnwindSafe(|| ask(&self.inner)));
        self.has_panicked.store(answer.is_err(), Ordering::Relaxed);
        answer.ok()
    }
}

impl Upload {
    fn set_read(&self) {
        if !self.is_read.swap(true, Ordering::AcqRel) {
            self.read.notify_one();
        }
    }

    fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Acquire)
    }
}

impl Interest for Upload {
    fn is_lost(&self, cx: &Context<'_>) -> bool {
        let mut task = lock(&self.task);
        if !task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
        drop(task);
        // Looked at last, so that it is not missed.
        self.is_given_up()
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
        let this = &mut *self;
        if this.has_failed {
            return Poll::Ready(None);
        }
        if let (Some(tasks), Some(upload)) = (this.tasks.take(), &this.upload) {
            tasks.begun(upload.clone());
        }
        let upload = this.upload.as_deref();
        if upload.is_some_and(Upload::is_given_up) {
            return Poll::Ready(Some(Err(UploadFailed::given_up())));
        }
        let polled = match this.has_panicked.get_mut() {
            false => {
                let inner = Pin::new(&mut this.inner);
                catch_unwind(AssertUnwindSafe(|| {
                    inner.poll_frame(cx).map_err(Into::into)
                }))
                .ok()
            }
            true => None,
        };
        let polled = polled.unwrap_or_else(|| {
            *this.has_panicked.get_mut() = true;
            this.has_failed = true;
            Poll::Ready(Some(Err("it panicked".into())))
        });
        let Poll::Ready(frame) = polled else {
            return match upload.is_some_and(|upload| upload.is_lost(cx)) {
                true => Poll::Ready(Some(Err(UploadFailed::given_up()))),
                false => Poll::Pending,
            };
        };
        if let Some(upload) = upload.filter(|_| frame.is_none() || this.is_end_stream()) {
            upload.set_read();
        }
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|error| {
                let error = Cause::from(error);
                if let Some(upload) = upload {
                    *lock(&upload.error) = Some(error.clone());
                }
                UploadFailed::OfItself(error)
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        // One that panics is not at its end before it has failed.
        self.has_failed
            || self.upload.is_none()
            || self.ask(Body::is_end_stream).unwrap_or_default()
    }

    fn size_hint(&self) -> SizeHint {
        match self.upload {
            Some(_) => self.ask(Body::size_hint).unwrap_or_default(),
            None => SizeHint::with_exact(0),
        }
    }
}

/// hyper drops a body as soon as it has sent all of it.
impl<B> Drop for RequestBody<B> {
    fn drop(&mut self) {
        if let Some(upload) = &self.upload {
            upload.is_over.store(true, Ordering::Release);
            upload.set_read();
        }
    }
}

/// Why a request's body was not sent to its end.
#[derive(Debug)]
pub(super) enum UploadFailed {
    /// In a form that two can hold.
    OfItself(Cause),
    /// Nobody wants it sent any more.
    GivenUp(h2::Error),
}

impl UploadFailed {
    /// hyper resets an HTTP/2 stream with the reason that it finds in here.
    fn given_up() -> Self {
        Self::GivenUp(h2::Reason::CANCEL.into())
    }
}

impl fmt::Display for UploadFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfItself(error) => error.fmt(f),
            Self::GivenUp(_) => f.write_str("request given up"),
        }
    }
}

impl error::Error for UploadFailed {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::OfItself(error) => error.source(),
            Self::GivenUp(reason) => Some(reason),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
