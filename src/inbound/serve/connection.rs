//! One connection's task, from the handshake to the end.

use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::time::timeout;
use tower_service::Service;

use super::Listener;
use super::accept::Accepted;
use super::app::{Entry, Insert};
use super::head_timer::HeadTimer;
use crate::http::BoxError;
use crate::inbound::watch::WatchedConnection;

/// What all connections of a server have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) nodelay: bool,
    pub(super) handshake_timeout: Option<Duration>,
    pub(super) header_read_timeout: Option<Duration>,
}

pub(super) async fn serve<L, A, B>(
    accepted: Accepted<L>,
    connection: WatchedConnection,
    app: A,
    connect_info: Option<super::ConnectInfo<L>>,
    settings: Settings,
) where
    L: Listener,
    A: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    A::Error: Into<BoxError>,
    A::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let Accepted {
        handshake,
        peer,
        slot,
    } = accepted;
    // Whatever goes wrong from here on ends this connection, which returns its slot, and nobody
    // else's.
    let io = tokio::select! {
        biased;
        io = within(settings.handshake_timeout, handshake) => io,
        () = connection.shutdown() => None,
    };
    let Some(Ok(io)) = io else {
        return;
    };
    let _ = L::set_nodelay(&io, settings.nodelay);
    let insert: Option<Insert> = connect_info.map(|connect_info| connect_info(&io, &peer));

    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(HeadTimer::new(connection.state()))
        .header_read_timeout(settings.header_read_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .enable_connect_protocol();

    let io = connection.io_with_slot(io, slot);
    let service = connection.service(Entry::new(app, insert));
    let http = builder.serve_connection_with_upgrades(io, service);
    // An error concerns the client, who knows.
    let _ = connection.watch(http).await;
}

async fn within<F: Future>(limit: Option<Duration>, future: F) -> Option<F::Output> {
    match limit {
        Some(limit) => timeout(limit, future).await.ok(),
        None => Some(future.await),
    }
}
