//! [`Lease`]: an active request's hold on its stream.

use std::fmt;
use std::sync::Arc;

use crate::outbound::destination::{ConnectionKey, End, RequestKey};

/// An active request, until it has ended in one way or another; dropped, its caller has left.
pub(crate) struct Lease {
    /// None once it has ended.
    lessor: Option<Arc<dyn Lessor>>,
    request: RequestKey,
    connection: ConnectionKey,
    is_sent: bool,
}

/// A pool as an active request sees it, whatever the type of its body.
pub(super) trait Lessor: Send + Sync {
    /// Nothing of the request is left, and its connection may go on.
    fn completed(self: Arc<Self>, request: RequestKey, connection: ConnectionKey);

    fn ended(self: Arc<Self>, request: RequestKey, end: End);

    fn cancelled(self: Arc<Self>, request: RequestKey);

    fn upgraded(self: Arc<Self>, request: RequestKey, connection: ConnectionKey);
}

impl Lease {
    pub(super) fn new(
        lessor: Arc<dyn Lessor>,
        request: RequestKey,
        connection: ConnectionKey,
    ) -> Self {
        Self {
            lessor: Some(lessor),
            request,
            connection,
            is_sent: false,
        }
    }

    /// Some of the request may leave from now on.
    pub(crate) fn sends(&mut self) {
        self.is_sent = true;
    }

    /// Request and response are complete, and the connection may go on as soon as it can.
    pub(crate) fn complete(mut self) {
        if let Some(lessor) = self.lessor.take() {
            lessor.completed(self.request, self.connection);
        }
    }

    /// It is over this way.
    pub(crate) fn end(mut self, end: End) {
        if let Some(lessor) = self.lessor.take() {
            lessor.ended(self.request, end);
        }
    }

    /// The connection speaks something else from now on. The request is active until it closes.
    pub(crate) fn upgrade(mut self) {
        if let Some(lessor) = self.lessor.take() {
            lessor.upgraded(self.request, self.connection);
        }
    }

    /// Lets go of it without an end, which the caller sees to.
    pub(super) fn into_request(mut self) -> RequestKey {
        self.lessor = None;
        self.request
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        match self.lessor.take() {
            Some(lessor) if self.is_sent => lessor.cancelled(self.request),
            // The connection is as good as before.
            Some(lessor) => lessor.ended(self.request, End::Complete),
            None => {}
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("request", &self.request)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}
