//! [`Deadline`]: the time that a request may take as a whole.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;

/// Comes when a response has not come to its end in time. The time starts when the request is all
/// there, so that an upload may take as long as it likes, as for Envoy.
pub(crate) struct Deadline(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Deadline {
    /// So long after the upload, which is over when this is told so, or cannot be any more; no
    /// time at all is no deadline.
    pub(crate) fn new(timeout: Duration, upload: Option<oneshot::Receiver<()>>) -> Self {
        if timeout.is_zero() {
            return Self(None);
        }
        Self(Some(Box::pin(async move {
            if let Some(upload) = upload {
                let _ = upload.await;
            }
            sleep(timeout).await;
        })))
    }

    /// Ready when it has come; not to be polled again then.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(deadline) => deadline.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
