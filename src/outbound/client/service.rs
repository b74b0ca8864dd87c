//! [`Client`]: the service.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, Uri};
use http_body::Body;
use tower_service::Service;

use super::Builder;
use super::body::ResponseBody;
use super::future::ResponseFuture;
use super::head::Head;
use super::upload::RequestBody;
use crate::limits::{Destination, Limits, Subscriber};
use crate::outbound::destination::Stats;
use crate::outbound::destinations::{Destinations, Target};
use crate::outbound::error::{BoxError, Error};
use crate::outbound::pool::{RetriesExhausted, RetrySlot};

/// An HTTP client whose connections to each destination are bounded, and what waits for them. See
/// the [module](super).
///
/// A clone shares everything. When the last is dropped, idle connections close; what is under way
/// goes on.
pub struct Client<B: Send + 'static>(Arc<Shared<B>>);

struct Shared<B: Send + 'static> {
    all: Arc<Destinations<RequestBody<B>>>,
    /// What the source of the limits calls; it has a weak reference.
    _on_change: Arc<Subscriber>,
}

impl Client<()> {
    /// Chooses what the client is to be like; [`Builder::build`] makes it.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl<B: Send + 'static> Client<B> {
    pub(super) fn new(all: Destinations<RequestBody<B>>) -> Self {
        let all = Arc::new(all);
        let for_source = Arc::downgrade(&all);
        let on_change: Arc<Subscriber> = Arc::new(move || {
            if let Some(all) = for_source.upgrade() {
                all.refresh();
            }
        });
        all.source().subscribe(Arc::downgrade(&on_change));
        Self(Arc::new(Shared {
            all,
            _on_change: on_change,
        }))
    }

    /// The destinations that this client has a pool for, in no particular order.
    pub fn destinations(&self) -> Vec<Destination> {
        let pools = self.0.all.pools();
        pools
            .iter()
            .map(|pool| pool.destination().clone())
            .collect()
    }

    /// What a destination has counted and where it stands; `None` if there is no pool for it: no
    /// request has come yet, or it was idle and is forgotten.
    pub fn stats(&self, destination: &Destination) -> Option<Stats> {
        let target = Target::from(destination);
        self.0.all.find(&target).map(|pool| pool.stats())
    }

    /// The limits that are in force for a destination; `None` if there is no pool for it.
    pub fn limits(&self, destination: &Destination) -> Option<Limits> {
        let target = Target::from(destination);
        self.0.all.find(&target).map(|pool| pool.limits())
    }

    /// A slot among the retries to where this URI leads; an error if its limit leaves none, or if
    /// it leads nowhere. So many requests count besides those that are active or pending there.
    pub(in crate::outbound) fn retry(
        &self,
        uri: &Uri,
        besides: u32,
    ) -> Result<RetrySlot, RetriesExhausted> {
        let target = Target::of(uri).map_err(|_| RetriesExhausted)?;
        loop {
            // None: it was forgotten this moment.
            if let Some(slot) = self.0.all.find_or_add(&target).retry(besides) {
                return slot;
            }
        }
    }

    /// Refuses every request from now on, and closes each connection when it has nothing to do.
    /// Those requests that are active or pending are served. There is no way back: this is for
    /// shutting down.
    pub fn close(&self) {
        self.0.all.close();
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.0.all.is_closed()
    }

    /// Waits until there is no request and no connection: after [`close`](Self::close), for the
    /// last. Cancel safe.
    pub async fn idle(&self) {
        self.0.all.idle().await;
    }
}

impl<B> Service<Request<B>> for Client<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = Error;
    type Future = ResponseFuture;

    /// Always ready: whether there is room depends on where a request goes.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    /// Decides at once. If the request is refused, the future is ready; if not, it has its place
    /// in the queue or its connection from now on, polled or not.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    fn call(&mut self, mut request: Request<B>) -> ResponseFuture {
        let head = Head::take_from(&mut request);
        let target = match Target::of(head.uri()) {
            Ok(target) => target,
            Err(kind) => return ResponseFuture::refused(Error::nowhere(kind)),
        };
        let (pool, admitted) = loop {
            let pool = self.0.all.find_or_add(&target);
            // None: it was forgotten this moment.
            if let Some(admitted) = pool.request() {
                break (pool, admitted);
            }
        };
        match admitted {
            Ok(admitted) => {
                let request = request.map(RequestBody::new);
                ResponseFuture::sending(pool, admitted, head, request)
            }
            Err(error) => ResponseFuture::refused(error),
        }
    }
}

impl<B: Send + 'static> Clone for Client<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: Send + 'static> Drop for Shared<B> {
    fn drop(&mut self) {
        self.all.abandon();
    }
}

impl<B: Send + 'static> fmt::Debug for Client<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("options", &self.0.all.options)
            .finish_non_exhaustive()
    }
}
