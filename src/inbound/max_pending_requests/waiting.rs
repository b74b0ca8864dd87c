//! [`Waiting`]: a request that waits for its own clone of the service to become ready.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_service::Service;

use crate::admission::{Acquire, Overflow, Permit, Resource};
use crate::http::{PendingTimeout, Refused};
use crate::inbound::pool::{InboundPool, PoolHandle, Shared, State};
use crate::inbound::queued::{self, poll_permit};

pin_project! {
    pub(super) struct Waiting<S, A> {
        service: S,
        request: Option<Request<A>>,
        place: Option<Place>,
        #[pin]
        timer: Option<Sleep>,
    }
}

/// A place in the queue of a pool without slots: it is entered if there is something to wait for,
/// and left when the service inside is ready.
struct Place {
    acquire: Acquire<Shared>,
    /// The pool only observes, and counts it so.
    observed: Option<Permit<Shared>>,
    timeout: Option<PendingTimeout>,
}

/// What has come: the request, and a service that is ready for it; or neither.
type Turn<'a, S, A, E> = Result<(Request<A>, &'a mut S), Failed<E>>;

/// Why it will not run.
pub(super) enum Failed<E> {
    Refused(Response<Bytes>),
    /// The service failed while it became ready.
    Service(E),
}

impl<S, A> Waiting<S, A> {
    /// Waits on `service`, which need not be ready.
    pub(super) fn new(pool: &InboundPool, service: S, request: Request<A>) -> Self {
        let place = Place {
            acquire: pool.admission().acquire(),
            observed: None,
            timeout: queued::timeout(pool.state(), &request),
        };
        Self {
            place: Some(place),
            ..Self::exempt(service, request)
        }
    }

    /// Waits without a place.
    pub(super) fn exempt(service: S, request: Request<A>) -> Self {
        Self {
            service,
            request: Some(request),
            place: None,
            timer: None,
        }
    }

    /// Waits until the service is ready: then there are the request, and the service for it.
    pub(super) fn poll_turn(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Turn<'_, S, A, S::Error>>
    where
        S: Service<Request<A>>,
    {
        let this = self.project();
        // The service first: what is ready needs no place, and beats the timer.
        if let Poll::Ready(ready) = this.service.poll_ready(cx) {
            if let Some(mut place) = this.place.take() {
                place.acquire.leave();
                if ready.is_ok() {
                    pool(&place.acquire).count_admitted();
                }
            }
            ready.map_err(Failed::Service)?;
            let request = this.request.take().expect("polled after it was ready");
            return Poll::Ready(Ok((request, this.service)));
        }
        let Some(place) = this.place else {
            return Poll::Pending;
        };
        if place.observed.is_none() {
            match poll_permit(&mut place.acquire, this.timer, &place.timeout, cx) {
                Poll::Ready(Ok(permit)) => place.observed = Some(permit),
                Poll::Ready(Err(refused)) => {
                    let request = this.request.as_ref().expect("polled after it was ready");
                    let pool = pool(&place.acquire);
                    let response = refuse(pool, refused, request);
                    return Poll::Ready(Err(Failed::Refused(response)));
                }
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }
}

/// What the place is one of.
fn pool<H: PoolHandle>(acquire: &Acquire<H>) -> &State {
    acquire.handle().state()
}

/// Answers a request that got no place, or had none for long enough.
fn refuse<A>(pool: &State, refused: Refused, request: &Request<A>) -> Response<Bytes> {
    let refused = match refused {
        // To the admission a pool without places is one that has no queue. Here places are all
        // that there is, and what bound.
        Refused::Overflow(overflow) if overflow.resource == Resource::MaxRequests => {
            Refused::Overflow(Overflow {
                resource: Resource::MaxPendingRequests,
                ..overflow
            })
        }
        refused => refused,
    };
    pool.refuse(&refused, request)
}
