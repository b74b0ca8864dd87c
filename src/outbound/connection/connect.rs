//! [`Connect`]: what a client opens connections with.

use std::error::Error;

use http::Uri;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::Connection;
use tower_service::Service;

/// Opens connections: any `Clone` service from a `Uri` to a connection, as for hyper-util's own
/// client. hyper-util's `HttpConnector`, hyper-rustls' `HttpsConnector` and this crate's
/// [`UnixConnector`](crate::outbound::UnixConnector) are such services, and so are any layers
/// around them.
///
/// A connection is `hyper::rt::{Read, Write}` and says by hyper-util's `Connection` trait whether
/// HTTP/2 was negotiated.
///
/// Implemented for all that fit; it can't be implemented otherwise.
pub trait Connect: sealed::Connector + Clone + Send + Sync + 'static {}

impl<S> Connect for S
where
    S: Service<Uri> + Clone + Send + Sync + 'static,
    S::Response: Read + Write + Connection + Send + Unpin + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send,
{
}

pub(super) mod sealed {
    use std::future::poll_fn;

    use super::{Connection, Error, Read, Service, Uri, Write};
    use crate::outbound::error::Cause;

    pub trait Connector {
        type Io: Read + Write + Connection + Send + Unpin + 'static;

        fn connect(self, uri: Uri) -> impl Future<Output = Result<Self::Io, Cause>> + Send;
    }

    impl<S> Connector for S
    where
        S: Service<Uri> + Send + 'static,
        S::Response: Read + Write + Connection + Send + Unpin + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        S::Future: Send,
    {
        type Io = S::Response;

        async fn connect(mut self, uri: Uri) -> Result<S::Response, Cause> {
            let cause = |error: S::Error| Cause::from(error.into());
            poll_fn(|cx| self.poll_ready(cx).map_err(cause)).await?;
            self.call(uri).await.map_err(cause)
        }
    }
}
