//! Which public types are `Send`, `Sync` and `Unpin`: a promise like any other.

use std::marker::PhantomData;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use http_body_util::combinators::UnsyncBoxBody;
use meshpool::http::{
    MapBody, MapBodyFuture, MapBodyLayer, PendingTimeout, Refused, RequestHead, ResponseBody,
    UpgradePermit,
};
use meshpool::inbound::{
    Admit, AdmitLayer, Builder, ConnectionPool, ConnectionPoolLayer, InboundPool, LeakedPool,
    MaxPendingRequests, MaxPendingRequestsLayer, MaxRequests, MaxRequestsLayer, PoolHandle,
    SharedPool, admit, connection_pool, max_pending_requests, max_requests,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use tower::Service;
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

/// What layers are put around as a rule: it can be sent and cloned, and is not `Sync`.
type Boxed = BoxCloneService<Request<Body>, Response<Full<Bytes>>, std::io::Error>;
type Unsync = UnsyncBoxBody<Bytes, std::io::Error>;
type NotSend = PhantomData<*const ()>;

auto_traits! {
    // inbound
    AdmitLayer: Send & Sync & Unpin & Clone;
    Admit<Boxed>: Send & Unpin & Clone, !Sync;
    Admit<(), LeakedPool>: Send & Sync & Unpin & Clone;
    admit::Error<std::io::Error>: Send & Sync & Unpin;
    admit::ResponseFuture<Boxed, Request<Body>, SharedPool>: Send & Unpin, !Clone;
    Builder: Send & Sync & Unpin, !Clone;
    ConnectionPoolLayer: Send & Sync & Unpin & Clone;
    ConnectionPoolLayer<LeakedPool>: Send & Sync & Unpin & Clone;
    ConnectionPool<Boxed>: Send & Unpin & Clone, !Sync;
    ConnectionPool<NotSend>: Clone, !Send | Sync;
    connection_pool::ResponseFuture<Boxed, Body, SharedPool>: Send & Unpin, !Clone;
    InboundPool: Send & Sync & Unpin & Clone;
    InboundPool<LeakedPool>: Send & Sync & Unpin & Clone;
    LeakedPool: PoolHandle & Send & Sync & Unpin & Copy;
    MaxPendingRequestsLayer: Send & Sync & Unpin & Clone;
    MaxPendingRequests<Boxed>: Send & Unpin & Clone, !Sync;
    max_pending_requests::ResponseFuture<Boxed, Body>: Send, !Clone | Unpin;
    MaxRequestsLayer: Send & Sync & Unpin & Clone;
    MaxRequests<Boxed>: Send & Unpin & Clone, !Sync;
    max_requests::ResponseFuture<std::future::Ready<()>, SharedPool>: Send & Sync & Unpin, !Clone;
    SharedPool: PoolHandle & Send & Sync & Unpin & Clone, !Copy;

    // http
    MapBodyLayer<ConnectionPoolLayer, fn(Body)>: Send & Sync & Unpin & Clone;
    MapBody<Boxed, fn(Body)>: Send & Unpin & Clone, !Sync;
    MapBodyFuture<std::future::Ready<()>, fn(Body)>: Send & Sync & Unpin;
    PendingTimeout: Send & Sync & Unpin & Copy;
    Refused: Send & Sync & Unpin & Copy;
    RequestHead<'static>: Send & Sync & Unpin & Copy;
    ResponseBody<Full<Bytes>, SharedPool>: Send & Sync & Unpin, !Clone;
    ResponseBody<Unsync, LeakedPool>: Send & Unpin, !Clone | Sync;
    UpgradePermit: Send & Sync & Unpin & Clone;
}

/// The table is checked while this compiles; here is what a table of traits cannot say.
#[test]
fn layers_can_be_put_around_each_other_and_around_what_is_boxed() {
    fn is_service<S: Service<Request<Body>> + Clone + Send + 'static>() {}
    is_service::<ConnectionPool<Boxed>>();
    is_service::<ConnectionPool<ConnectionPool<Boxed>, LeakedPool>>();
    is_service::<MaxPendingRequests<MaxRequests<Boxed>>>();
    is_service::<MaxRequests<MaxPendingRequests<ConnectionPool<Boxed>>>>();
}
