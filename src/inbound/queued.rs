//! [`Queued`]: a request that waits for its slot, and then for its service to be ready.
//!
//! What all layers here do with a request that cannot run at once. It waits on a clone of the
//! service of its own, which is driven to ready only once there is a slot: a service that became
//! ready earlier might hold something of its own all the while.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Request;
use pin_project_lite::pin_project;
use tokio::runtime;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use super::pool::{InboundPool, PoolHandle, State};
use crate::admission::{Acquire, Permit};
use crate::http::{PendingTimeout, Refused, RequestHead, grpc_timeout};

pin_project! {
    /// Boxed by its owner, lest every request pays for its size.
    pub(super) struct Queued<S, R, H: PoolHandle> {
        service: S,
        request: Option<R>,
        permit: Option<Permit<H>>,
        acquire: Acquire<H>,
        timeout: Option<PendingTimeout>,
        #[pin]
        timer: Option<Sleep>,
    }
}

/// What has come: a permit, the request, and a service that is ready for it; or nothing of that.
type Turn<'a, S, R, H, E> = Result<(Permit<H>, R, &'a mut S), Failed<E>>;

/// Why it will not run.
#[derive(Debug)]
pub(super) enum Failed<E> {
    Refused(Refused),
    /// The service failed while it became ready.
    Service(E),
}

impl<S, R, H: PoolHandle> Queued<S, R, H> {
    /// Waits on `service`, which need not be ready.
    pub(super) fn new(
        pool: &InboundPool<H>,
        service: S,
        request: R,
        timeout: Option<PendingTimeout>,
    ) -> Pin<Box<Self>> {
        pool.state().tend_stalls();
        Box::pin(Self {
            service,
            request: Some(request),
            permit: None,
            acquire: pool.admission().acquire(),
            timeout,
            timer: None,
        })
    }

    /// What it waits for.
    pub(super) fn pool(&self) -> &State {
        self.acquire.handle().state()
    }

    /// The request, until its turn has come.
    pub(super) fn request(&self) -> &R {
        self.request
            .as_ref()
            .expect("asked after its turn had come")
    }

    /// Waits its turn: then there are a permit, the request, and a service that is ready for it.
    pub(super) fn poll_turn(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Turn<'_, S, R, H, S::Error>>
    where
        S: Service<R>,
    {
        let mut this = self.project();
        if this.permit.is_none() {
            let permit = ready!(poll_permit(
                this.acquire,
                this.timer.as_mut(),
                this.timeout,
                cx
            ));
            let permit = permit.map_err(Failed::Refused)?;
            permit.handle().state().count_admitted();
            *this.permit = Some(permit);
        }
        ready!(this.service.poll_ready(cx)).map_err(Failed::Service)?;
        let permit = this.permit.take().expect("it was just there");
        let request = this.request.take().expect("polled after it was ready");
        Poll::Ready(Ok((permit, request, this.service)))
    }
}

/// How long a request may wait: the pool's timeout, or the caller's if that is shorter.
pub(super) fn timeout<A>(pool: &State, request: &Request<A>) -> Option<PendingTimeout> {
    let pool = pool.pending_timeout();
    // What a caller sends is not to panic where there is no Tokio to time it with.
    let caller = (RequestHead::of(request).is_grpc() && runtime::Handle::try_current().is_ok())
        .then(|| grpc_timeout(request.headers()))
        .flatten();
    let after = pool.into_iter().chain(caller).min()?;
    Some(PendingTimeout {
        after,
        by_caller: caller == Some(after),
    })
}

/// Waits for a slot, and no longer than allowed.
pub(super) fn poll_permit<H: PoolHandle>(
    acquire: &mut Acquire<H>,
    mut timer: Pin<&mut Option<Sleep>>,
    timeout: &Option<PendingTimeout>,
    cx: &mut Context<'_>,
) -> Poll<Result<Permit<H>, Refused>> {
    if let Poll::Ready(acquired) = Pin::new(&mut *acquire).poll(cx) {
        return Poll::Ready(acquired.map_err(Refused::Overflow));
    }
    let Some(timeout) = timeout else {
        return Poll::Pending;
    };
    if timer.is_none() {
        timer.set(Some(sleep(timeout.after)));
    }
    let sleep = timer.as_mut().as_pin_mut().expect("it was just set");
    ready!(sleep.poll(cx));
    // A slot that arrived in the meantime wins.
    Poll::Ready(acquire.time_out().ok_or(Refused::PendingTimeout(*timeout)))
}
