//! [`Watched`]: a response that comes to its end in time, or is given up; whether its client reads
//! it or not.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::task::AbortHandle;

use crate::deadline::Deadline;
use crate::streaming::{Broken, Streaming};

/// hyper asks for more of a response only when its client has read what there was: the deadline has
/// a task of its own, which ends with this.
pub(crate) struct Watched {
    response: Arc<Mutex<Response>>,
    task: AbortHandle,
}

struct Response {
    /// None when it was given up.
    streaming: Option<Streaming>,
    /// Whoever has asked for more of it.
    asker: Option<Waker>,
}

impl Watched {
    /// With whoever has asked for more of it already.
    pub(crate) fn new(streaming: Streaming, mut deadline: Deadline, asker: Option<Waker>) -> Self {
        let response = Arc::new(Mutex::new(Response {
            streaming: Some(streaming),
            asker,
        }));
        let watched = response.clone();
        let task = tokio::spawn(async move {
            poll_fn(|cx| deadline.poll(cx)).await;
            give_up(&watched);
        });
        Self {
            response,
            task: task.abort_handle(),
        }
    }

    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let mut response = lock(&self.response);
        let Some(streaming) = &mut response.streaming else {
            return Poll::Ready(Some(Err(Broken::TIMEOUT)));
        };
        let polled = streaming.poll(cx);
        if streaming.is_over() {
            self.task.abort();
        }
        response.asker = polled.is_pending().then(|| cx.waker().clone());
        polled
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        let response = lock(&self.response);
        response
            .streaming
            .as_ref()
            .is_some_and(Streaming::is_end_stream)
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        let response = lock(&self.response);
        let streaming = response.streaming.as_ref();
        streaming.map(Streaming::size_hint).unwrap_or_default()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
        // The task may be some time to go, and is not to keep the upstream.
        let streaming = lock(&self.response).streaming.take();
        drop(streaming);
    }
}

/// At the deadline. Whoever waits for more of it is told; who does not, when they ask again.
fn give_up(response: &Mutex<Response>) {
    let mut response = lock(response);
    let too_late = response.streaming.take_if(|streaming| !streaming.is_over());
    let asker = response.asker.take();
    drop(response);
    if let Some(streaming) = too_late {
        streaming.time_out();
    }
    if let Some(asker) = asker {
        asker.wake();
    }
}

fn lock(response: &Mutex<Response>) -> MutexGuard<'_, Response> {
    response.lock().unwrap_or_else(PoisonError::into_inner)
}
