use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, Version};

use super::{Active, Connection, ConnectionBody, Protocol, Reply, ResponseFuture};
use crate::http::BoxError;

/// Counts the requests of one connection. Made by
/// [`WatchedConnection::service`](crate::inbound::watch::WatchedConnection::service).
///
/// It is a hyper service around a hyper service, and a Tower service around a Tower service. Every
/// request counts, those that are refused within, too. Clones share the connection.
#[derive(Clone, Debug)]
pub struct ConnectionService<S> {
    inner: S,
    connection: Arc<Connection>,
    refuse_late_streams: bool,
}

impl<S> ConnectionService<S> {
    pub(crate) fn new(inner: S, connection: Arc<Connection>, refuse_late_streams: bool) -> Self {
        Self {
            inner,
            connection,
            refuse_late_streams,
        }
    }

    /// Gets a reference to the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Gets a mutable reference to the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Gives the inner service back.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Counts the request; `None` if it is a stream too many, or too late.
    fn begin<A>(&self, request: &Request<A>) -> Option<(Active, Reply)> {
        let nth = self.connection.count().add();
        let http2 = request.version() == Version::HTTP_2;
        if nth == 1 {
            self.connection.set_protocol(if http2 {
                Protocol::Http2
            } else {
                Protocol::Http1
            });
        }
        let too_many = self.refuse_late_streams && self.connection.count().is_past(nth);
        if http2 && (too_many || self.connection.refuses_stream()) {
            return None;
        }
        Some((Active::new(&self.connection), Reply::to(request)))
    }
}

impl<S, A, B> hyper::service::Service<Request<A>> for ConnectionService<S>
where
    S: hyper::service::Service<Request<A>, Response = Response<B>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<ConnectionBody<B>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn call(&self, request: Request<A>) -> Self::Future {
        match self.begin(&request) {
            Some((active, reply)) => {
                ResponseFuture::running(self.inner.call(request), active, reply)
            }
            None => ResponseFuture::refused(),
        }
    }
}

impl<S, A, B> tower_service::Service<Request<A>> for ConnectionService<S>
where
    S: tower_service::Service<Request<A>, Response = Response<B>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<ConnectionBody<B>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        match self.begin(&request) {
            Some((active, reply)) => {
                ResponseFuture::running(self.inner.call(request), active, reply)
            }
            None => ResponseFuture::refused(),
        }
    }
}
