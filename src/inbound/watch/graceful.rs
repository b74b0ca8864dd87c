//! [`GracefulConnection`]: the connections that can be watched.

use std::future::Future;
use std::pin::Pin;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, Service};
use hyper_util::server::conn::auto;

use self::sealed::Seal;
use crate::http::BoxError;

/// A connection that can be asked to finish what it has begun and then close: hyper's HTTP/1 and
/// HTTP/2 server connections and those of hyper-util's `auto`, with and without upgrades. Sealed.
pub trait GracefulConnection: Future<Output = Result<(), Self::Error>> {
    /// What the connection fails with.
    type Error;

    /// Begins a graceful shutdown. Only [`Watch`](super::Watch) has the seal for it.
    fn graceful_shutdown(self: Pin<&mut Self>, seal: sealed::Seal);
}

pub(super) mod sealed {
    /// Cannot be named elsewhere, and so neither can the trait be implemented.
    #[derive(Debug)]
    pub struct Seal;
}

macro_rules! http1 {
    ($connection:ident $(, $bound:ident)?) => {
        impl<I, B, S> GracefulConnection for http1::$connection<I, S>
        where
            S: HttpService<Incoming, ResBody = B>,
            S::Error: Into<BoxError>,
            I: Read + Write + Unpin $(+ $bound)? + 'static,
            B: Body + 'static,
            B::Error: Into<BoxError>,
        {
            type Error = hyper::Error;

            fn graceful_shutdown(self: Pin<&mut Self>, _: Seal) {
                http1::$connection::graceful_shutdown(self);
            }
        }
    };
}

http1!(Connection);
http1!(UpgradeableConnection, Send);

impl<I, B, S, E> GracefulConnection for http2::Connection<I, S, E>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<BoxError>,
    I: Read + Write + Unpin + 'static,
    B: Body + 'static,
    B::Error: Into<BoxError>,
    E: Http2ServerConnExec<S::Future, B>,
{
    type Error = hyper::Error;

    fn graceful_shutdown(self: Pin<&mut Self>, _: Seal) {
        http2::Connection::graceful_shutdown(self);
    }
}

macro_rules! auto {
    ($connection:ident $(, $bound:ident)?) => {
        impl<I, B, S, E> GracefulConnection for auto::$connection<'_, I, S, E>
        where
            S: Service<Request<Incoming>, Response = Response<B>>,
            S::Error: Into<BoxError>,
            S::Future: 'static,
            I: Read + Write + Unpin $(+ $bound)? + 'static,
            B: Body + 'static,
            B::Error: Into<BoxError>,
            E: Http2ServerConnExec<S::Future, B>,
        {
            type Error = BoxError;

            fn graceful_shutdown(self: Pin<&mut Self>, _: Seal) {
                auto::$connection::graceful_shutdown(self);
            }
        }
    };
}

auto!(Connection);
auto!(UpgradeableConnection, Send);
