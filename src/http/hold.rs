//! [`Hold`]: how a request holds its permit, and [`UpgradePermit`], how a socket goes on to.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use http::Request;

use super::RequestHead;
use crate::admission::{Handle, Permit};

/// A request's permit: its own, shared with whoever it is upgraded for, or none.
#[derive(Debug)]
pub(crate) enum Hold<H: Handle> {
    Permit(Permit<H>),
    Shared(Arc<Permit<H>>),
    /// The request is exempt, or somebody else holds its permit.
    Exempt,
}

impl<H: Handle> Hold<H> {
    /// Holds the permit. On a request that asks for an upgrade it is shared with an
    /// [`UpgradePermit`] in the extensions; on others not, since an insert allocates.
    #[inline]
    pub(crate) fn new<B>(permit: Permit<H>, request: &mut Request<B>) -> Self {
        if RequestHead::of(request).asks_for_upgrade() {
            return Self::shared(permit, request);
        }
        Self::Permit(permit)
    }

    #[cold]
    fn shared<B>(permit: Permit<H>, request: &mut Request<B>) -> Self {
        let permit = Arc::new(permit);
        request.extensions_mut().insert(UpgradePermit {
            _permit: permit.clone(),
        });
        Self::Shared(permit)
    }

    /// Takes what is held, for somebody else to hold.
    #[inline]
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Exempt)
    }

    pub(crate) fn handle(&self) -> Option<&H> {
        match self {
            Self::Permit(permit) => Some(permit.handle()),
            Self::Shared(permit) => Some(permit.handle()),
            Self::Exempt => None,
        }
    }
}

/// The permit of a request that asks for an upgrade, found in its extensions.
///
/// A response to an upgrade ends at once, and the socket lives on. Keep this (or a clone) beside
/// the socket, and the request counts as active until it is dropped:
///
/// ```
/// use axum::extract::{Extension, ws::WebSocketUpgrade};
/// use axum::response::Response;
/// use meshpool::http::UpgradePermit;
///
/// async fn chat(upgrade: WebSocketUpgrade, permit: Extension<UpgradePermit>) -> Response {
///     upgrade.on_upgrade(move |mut socket| async move {
///         let _permit = permit; // until the socket is done with
///         while let Some(Ok(_message)) = socket.recv().await {}
///     })
/// }
/// # let _: axum::Router = axum::Router::new().route("/chat", axum::routing::any(chat));
/// ```
#[derive(Clone)]
pub struct UpgradePermit {
    _permit: Arc<dyn Any + Send + Sync>,
}

impl fmt::Debug for UpgradePermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradePermit").finish_non_exhaustive()
    }
}
