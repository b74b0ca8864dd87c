//! Ours.

use std::time::Duration;

use ::meshpool::Limits;
use ::meshpool::outbound::Client;
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Empty;
use tower::Service;

use super::{Get, Version, connector, read};

#[derive(Clone)]
pub(crate) struct Meshpool(Client<Empty<Bytes>>);

impl Meshpool {
    /// With all limits on that a rule can set, none of which anybody meets here.
    pub(crate) fn new(version: Version) -> Self {
        let limits = Limits::new()
            .max_connections(1024)
            .max_pending_requests(1024)
            .max_requests(1024)
            .max_requests_per_connection(1 << 30)
            .connect_timeout(Duration::from_secs(10))
            .idle_timeout(Duration::from_secs(3600));
        let builder = Client::builder().limits(limits);
        let builder = match version {
            Version::Http1 => builder.http1_only(),
            Version::Http2 => builder.http2_only(),
        };
        Self(builder.build(connector()))
    }
}

impl Get for Meshpool {
    async fn get(&self, uri: Uri) -> usize {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        let response = self.0.clone().call(request).await.expect("a response");
        read(response.into_body()).await
    }
}
