//! hyper-util's `client::legacy`.

use bytes::Bytes;
use http::Uri;
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::{Get, Version, connector, read};

#[derive(Clone)]
pub(crate) struct Legacy(Client<HttpConnector, Empty<Bytes>>);

impl Legacy {
    pub(crate) fn new(version: Version) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_timer(TokioTimer::new())
            .http2_only(matches!(version, Version::Http2));
        Self(builder.build(connector()))
    }
}

impl Get for Legacy {
    async fn get(&self, uri: Uri) -> usize {
        let response = self.0.get(uri).await.expect("a response");
        read(response.into_body()).await
    }
}
