//! Which public types of the `server` feature are `Send`, `Sync` and `Unpin`: a promise like any
//! other. The table is checked while this compiles.

use std::future::Ready;

use axum::Router;
use axum::body::Body;
use axum::routing::IntoMakeService;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::rt::TokioIo;
use meshpool::inbound::max_requests_per_connection::{
    self, CountRequests, MakeFuture, MaxRequestsPerConnection, MaxRequestsPerConnectionLayer,
};
use meshpool::inbound::serve::{ServeFuture, TcpIo};
use meshpool::inbound::watch::{self, ConnectionBody, ConnectionIo, ConnectionService, WatchError};
use meshpool::inbound::{Listener, Serve, WatchedConnection, Watcher};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use tokio::net::{TcpListener, TcpStream};
use tower::util::BoxCloneService;

/// One line to a type: what it is, and after an exclamation mark what it is not.
macro_rules! auto_traits {
    ($($type:ty: $($is:ident)&* $(, ! $($is_not:ident)|*)?;)*) => {
        $(
            assert_impl_all!($type: $($is),*);
            $(assert_not_impl_any!($type: $($is_not),*);)?
        )*
    };
}

/// What connections are given as a rule: it can be sent and cloned, and is not `Sync`.
type Boxed = BoxCloneService<Request<Body>, Response<Body>, std::io::Error>;
type Unsync = UnsyncBoxBody<bytes::Bytes, std::io::Error>;

auto_traits! {
    // inbound::max_requests_per_connection
    CountRequests<Boxed>: Send & Unpin & Clone, !Sync;
    MakeFuture<Ready<()>>: Send & Sync & Unpin;
    MaxRequestsPerConnectionLayer: Send & Sync & Unpin & Clone;
    MaxRequestsPerConnection<IntoMakeService<Router>>: Send & Sync & Unpin & Clone;
    max_requests_per_connection::ResponseFuture<Ready<()>>: Send & Sync & Unpin;

    // inbound::watch
    ConnectionBody<Unsync>: Send & Unpin, !Clone | Sync;
    ConnectionIo<TokioIo<TcpStream>>: Send & Sync & Unpin, !Clone;
    ConnectionService<Boxed>: Send & Unpin & Clone, !Sync;
    watch::ResponseFuture<Ready<()>>: Send & Sync & Unpin, !Clone;
    WatchError<std::io::Error>: Send & Sync & Unpin;
    WatchedConnection: Send & Sync & Unpin, !Clone;
    Watcher: Send & Sync & Unpin & Clone;

    // inbound::serve
    Serve<TcpListener, Router>: Send & Unpin, !Clone;
    ServeFuture: Send & Unpin, !Clone;
    TcpIo: Send & Sync & Unpin, !Clone;
    TcpListener: Listener;
}
