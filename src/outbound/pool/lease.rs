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
}

/// A pool as an active request sees it, whatever the type of its body.
pub(super) trait Lessor: Send + Sync {
    /// Nothing of the request is left, and its connection may go on.
    fn completed(self: Arc<Self>, request: RequestKey, connection: ConnectionKey);

    fn ended(self: Arc<Self>, request: RequestKey, connection: ConnectionKey, end: End);

    fn cancelled(self: Arc<Self>, request: RequestKey, connection: ConnectionKey);

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
        }
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
            lessor.ended(self.request, self.connection, end);
        }
    }

    /// The connection speaks something else from now on. The request is active until it closes.
    pub(crate) fn upgrade(mut self) {
        if let Some(lessor) = self.lessor.take() {
            lessor.upgraded(self.request, self.connection);
        }
    }

    /// Lets go of it without an end, which the caller sees to.
    pub(super) fn into_keys(mut self) -> (RequestKey, ConnectionKey) {
        self.lessor = None;
        (self.request, self.connection)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(lessor) = self.lessor.take() {
            lessor.cancelled(self.request, self.connection);
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
