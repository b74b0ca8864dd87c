//! Which public types are `Send`, `Sync` and `Unpin`: a promise like any other.

use std::future::Ready;

use bytes::Bytes;
use http_body_util::Full;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::client::legacy::connect::HttpConnector;
use meshpool::limits::{Destination, LimitsSource, LiveLimits, Scheme};
use meshpool::outbound::connector::{
    KeepAliveConnecting, KeepAliveConnector, UnixConnecting, UnixConnection, UnixConnector,
};
use meshpool::outbound::retry::{
    BackOff, NotRetried, RetryOn, RetryPolicy, RetryRecord, RetryStats, UnknownCondition,
};
use meshpool::outbound::{
    Builder, Client, Connect, Error, ErrorKind, ResponseBody, ResponseFuture,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};

/// One line to a type: what it is, and after an exclamation mark what it is not.
macro_rules! auto_traits {
    ($($type:ty: $($is:ident)&* $(, ! $($is_not:ident)|*)?;)*) => {
        $(
            assert_impl_all!($type: $($is),*);
            $(assert_not_impl_any!($type: $($is_not),*);)?
        )*
    };
}

type Unsync = UnsyncBoxBody<Bytes, std::io::Error>;

auto_traits! {
    BackOff: Send & Sync, !Clone;
    Builder: Send & Sync & Unpin, !Clone;
    Client<Full<Bytes>>: Send & Sync & Unpin & Clone;
    Client<Unsync>: Send & Sync & Unpin & Clone;
    Destination: Send & Sync & Unpin & Clone;
    Error: Send & Sync & Unpin & Clone;
    ErrorKind: Send & Sync & Unpin & Copy;
    HttpConnector: Connect;
    KeepAliveConnecting<Ready<()>>: Send & Sync & Unpin;
    KeepAliveConnector<HttpConnector>: Connect & Send & Sync & Unpin & Clone;
    LiveLimits: LimitsSource & Send & Sync & Unpin & Clone;
    NotRetried: Send & Sync & Unpin & Copy;
    ResponseBody: Send & Sync & Unpin, !Clone;
    ResponseFuture: Send & Unpin, !Clone;
    RetryOn: Send & Sync & Unpin & Copy;
    RetryPolicy<Full<Bytes>>: Send & Sync & Unpin & Clone;
    RetryPolicy<Unsync>: Send & Sync & Unpin & Clone;
    RetryRecord: Send & Sync & Unpin & Clone;
    RetryStats: Send & Sync & Unpin & Copy;
    Scheme: Send & Sync & Unpin & Copy;
    UnknownCondition: Send & Sync & Unpin & Clone;
    UnixConnecting: Send & Unpin;
    UnixConnection: Send & Sync & Unpin;
    UnixConnector: Connect & Send & Sync & Unpin & Clone;
}
