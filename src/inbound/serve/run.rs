//! The accept loop, as a future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tower_service::Service;

use super::accept::Acceptor;
use super::connection::{self, Settings};
use super::{ConnectInfo, Listener};
use crate::http::BoxError;
use crate::inbound::watch::Watcher;

/// A server at work. Made by awaiting [`Serve`](super::Serve).
///
/// # Cancel safety
///
/// Dropping it closes the listener and retires all connections, as the graceful shutdown does;
/// their tasks go on without it, until they are closed or the grace period is over. No connection
/// that was accepted is lost.
#[must_use = "futures do nothing unless polled"]
pub struct ServeFuture(Pin<Box<dyn Future<Output = ()> + Send>>);

/// What a server consists of.
pub(super) struct Server<L: Listener, A> {
    pub(super) acceptor: Acceptor<L>,
    pub(super) app: A,
    pub(super) watcher: Watcher,
    pub(super) settings: Settings,
    pub(super) connect_info: Option<ConnectInfo<L>>,
}

/// Retires all connections when the server is done, however that came about.
struct ShutDown(Watcher);

impl Drop for ShutDown {
    fn drop(&mut self) {
        self.0.shut_down();
    }
}

impl<L: Listener, A> Server<L, A> {
    pub(super) async fn run<B>(self, signal: Option<Pin<Box<dyn Future<Output = ()> + Send>>>)
    where
        A: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        A::Error: Into<BoxError>,
        A::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let Self {
            mut acceptor,
            app,
            watcher,
            settings,
            connect_info,
        } = self;
        let shut_down = ShutDown(watcher.clone());
        let mut signal = signal.unwrap_or_else(|| Box::pin(std::future::pending()));
        loop {
            let accepted = tokio::select! {
                accepted = acceptor.accept() => accepted,
                () = &mut signal => break,
            };
            tokio::spawn(connection::serve(
                accepted,
                watcher.connection(),
                app.clone(),
                connect_info.clone(),
                settings,
            ));
        }
        drop(acceptor);
        drop(shut_down);
        watcher.closed().await;
    }
}

impl ServeFuture {
    pub(super) fn new(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl Future for ServeFuture {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for ServeFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeFuture").finish_non_exhaustive()
    }
}
