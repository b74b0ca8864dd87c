//! [`Waiting`]: a request that waits for its own clone of the service to become ready.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_service::Service;

use crate::admission::{Acquire, Overflow, Permit, Resource};
use crate::http::{Hold, PendingTimeout, Refused};
use crate::inbound::pool::{InboundPool, PoolHandle, SharedPool, State};
use crate::inbound::progress::{Progress, Wait};
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
    acquire: Acquire<SharedPool>,
    /// The pool only observes, and counts it so.
    observed: Option<Permit<SharedPool>>,
    timeout: Option<PendingTimeout>,
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
}

impl<S: Service<Request<A>>, A> Wait<S::Future, S::Error, SharedPool> for Waiting<S, A> {
    /// Waits until the service is ready, and calls it. The clone that waited is dropped after that.
    fn poll_wait(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Progress<Self, S::Future, SharedPool>, S::Error>> {
        let this = self.project();
        // The service first: what is ready needs no place, and beats the timer.
        if let Poll::Ready(ready) = this.service.poll_ready(cx) {
            if let Some(mut place) = this.place.take() {
                place.acquire.leave();
                if ready.is_ok() {
                    pool(&place.acquire).count_admitted();
                }
            }
            return Poll::Ready(ready.map(|()| {
                let request = this.request.take().expect("polled after it was ready");
                let version = request.version();
                Progress::running(this.service.call(request), Hold::Exempt, version)
            }));
        }
        let Some(place) = this.place else {
            return Poll::Pending;
        };
        if place.observed.is_none() {
            match ready!(poll_permit(
                &mut place.acquire,
                this.timer,
                &place.timeout,
                cx
            )) {
                Ok(permit) => place.observed = Some(permit),
                Err(refused) => {
                    let request = this.request.as_ref().expect("polled after it was ready");
                    let response = refuse(pool(&place.acquire), refused, request);
                    return Poll::Ready(Ok(Progress::refused(response)));
                }
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
