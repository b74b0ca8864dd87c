//! reqwest.

use http::Uri;
use reqwest::{Client, Url};

use super::{Get, Version};

#[derive(Clone)]
pub(crate) struct Reqwest(Client);

impl Reqwest {
    pub(crate) fn new(version: Version) -> Self {
        let builder = Client::builder().no_proxy();
        let builder = match version {
            Version::Http1 => builder.http1_only(),
            Version::Http2 => builder.http2_prior_knowledge(),
        };
        Self(builder.build().expect("a client"))
    }
}

impl Get for Reqwest {
    async fn get(&self, uri: Uri) -> usize {
        let url = Url::parse(&uri.to_string()).expect("a URL");
        let mut response = self.0.get(url).send().await.expect("a response");
        let mut bytes = 0;
        while let Some(chunk) = response.chunk().await.expect("a whole body") {
            bytes += chunk.len();
        }
        bytes
    }
}
