//! [`Deadline`]: the time that a request may take as a whole.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::upload::Upload;

/// Comes when a response has not come to its end in time. The time starts when the request is all
/// there, so that an upload may take as long as it likes, as for Envoy.
pub(crate) struct Deadline {
    patience: Duration,
    /// Until it is over.
    upload: Option<Upload>,
    time: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// So long after the upload, which is over when all of it is there, or no more is wanted; no
    /// time at all is no deadline.
    pub(crate) fn new(patience: Duration, upload: Option<Upload>) -> Self {
        Self {
            patience,
            upload,
            time: None,
        }
    }

    /// Whether it can come.
    pub(crate) fn is_set(&self) -> bool {
        !self.patience.is_zero()
    }

    /// Ready when it has come; not to be polled again then.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_set() {
            return Poll::Pending;
        }
        if let Some(upload) = &self.upload {
            ready!(upload.poll_over(cx));
            self.upload = None;
        }
        let time = self
            .time
            .get_or_insert_with(|| Box::pin(sleep(self.patience)));
        time.as_mut().poll(cx)
    }
}
