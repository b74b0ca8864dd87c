//! [`Sender`]: how requests get into a connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use pin_project_lite::pin_project;

use super::{Control, Tasks};
use crate::outbound::destination::Protocol;

/// A connection's end for requests, shared by its pool, its task and the requests that it carries.
///
/// The pool sees to it that on HTTP/1 there is one request at a time. Sending wakes the connection's
/// task, so it is done without the lock.
#[derive(Debug)]
pub(crate) struct Sender<B> {
    protocol: Protocol,
    is_proxied: bool,
    control: Arc<Control>,
    tasks: Option<Tasks>,
    inner: Mutex<Option<Inner<B>>>,
}

#[derive(Debug)]
enum Inner<B> {
    Http1(http1::SendRequest<B>),
    /// HTTP/1: it is just used to send a request.
    Lent,
    Http2(http2::SendRequest<B>),
}

pin_project! {
    /// hyper's future for a response, of either protocol; they have no names.
    #[project = EitherProj]
    enum Either<F1, F2> {
        Http1 { #[pin] future: F1 },
        Http2 { #[pin] future: F2 },
    }
}

impl<F1: Future, F2: Future<Output = F1::Output>> Future for Either<F1, F2> {
    type Output = F1::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F1::Output> {
        match self.project() {
            EitherProj::Http1 { future } => future.poll(cx),
            EitherProj::Http2 { future } => future.poll(cx),
        }
    }
}

/// The head of a response, or why there is none; perhaps with the request, if none of it has left.
type Answer<B> = Result<Response<Incoming>, TrySendError<Request<B>>>;

impl<B: Body + Send + 'static> Sender<B> {
    /// Takes a request and sends it, unless the connection is dead already.
    pub(crate) fn send(
        &self,
        request: &mut Option<Request<B>>,
    ) -> Option<impl Future<Output = Answer<B>> + Send + use<B>> {
        request.as_ref()?;
        let inner = {
            let mut inner = self.lock();
            match &mut *inner {
                Some(Inner::Http1(sender)) if !sender.is_closed() => inner.replace(Inner::Lent)?,
                Some(Inner::Http2(sender)) if !sender.is_closed() => Inner::Http2(sender.clone()),
                _ => return None,
            }
        };
        match inner {
            Inner::Http1(mut sender) => {
                let future = sender.try_send_request(request.take()?);
                self.give_back(sender);
                Some(Either::Http1 { future })
            }
            Inner::Http2(mut sender) => {
                let future = sender.try_send_request(request.take()?);
                Some(Either::Http2 { future })
            }
            Inner::Lent => None,
        }
    }
}

impl<B> Sender<B> {
    pub(super) fn http1(
        sender: http1::SendRequest<B>,
        is_proxied: bool,
        control: Arc<Control>,
    ) -> Self {
        Self {
            protocol: Protocol::Http1,
            is_proxied,
            control,
            tasks: None,
            inner: Mutex::new(Some(Inner::Http1(sender))),
        }
    }

    pub(super) fn http2(
        sender: http2::SendRequest<B>,
        control: Arc<Control>,
        tasks: Tasks,
    ) -> Self {
        Self {
            protocol: Protocol::Http2,
            is_proxied: false,
            control,
            tasks: Some(tasks),
            inner: Mutex::new(Some(Inner::Http2(sender))),
        }
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether it leads to a proxy for requests in the clear, which wants to see whole URIs.
    pub(crate) fn is_proxied(&self) -> bool {
        self.is_proxied
    }

    /// Where the sending of a request's body goes on if it takes its time (HTTP/2).
    pub(crate) fn tasks(&self) -> Option<&Tasks> {
        self.tasks.as_ref()
    }

    /// Whether the connection is gone, or going: no request can be sent.
    pub(crate) fn is_dead(&self) -> bool {
        match &*self.lock() {
            Some(Inner::Http1(sender)) => sender.is_closed(),
            Some(Inner::Http2(sender)) => sender.is_closed(),
            Some(Inner::Lent) => false,
            None => true,
        }
    }

    /// Whether a request can be sent. An HTTP/1 connection can't until it has done with the last.
    pub(crate) fn is_ready(&self) -> bool {
        match &*self.lock() {
            Some(Inner::Http1(sender)) => sender.is_ready(),
            Some(Inner::Http2(sender)) => !sender.is_closed(),
            Some(Inner::Lent) | None => false,
        }
    }

    /// Whether the peer of an HTTP/1 connection that has ended without a response had begun with
    /// one.
    pub(crate) fn broke_off(&self) -> bool {
        self.protocol == Protocol::Http1 && self.control.has_heard_more_than_the_end()
    }

    /// Lets go of the connection, which closes when nothing is under way.
    pub(super) fn close(&self) {
        let sender = self.lock().take();
        drop(sender);
    }

    /// After a request was sent; unless the connection was let go of meanwhile.
    fn give_back(&self, sender: http1::SendRequest<B>) {
        let mut inner = self.lock();
        if let Some(Inner::Lent) = *inner {
            *inner = Some(Inner::Http1(sender));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Inner<B>>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
