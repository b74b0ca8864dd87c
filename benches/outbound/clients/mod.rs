//! The clients, each as one would use it.

mod legacy;
mod meshpool;
pub(crate) mod pool;
mod reqwest;

use std::pin::pin;

use bytes::Buf;
use http::Uri;
use http_body::Body;
use http_body_util::BodyExt;
use hyper_util::client::legacy::connect::HttpConnector;

pub(crate) use self::legacy::Legacy;
pub(crate) use self::meshpool::Meshpool;
pub(crate) use self::reqwest::Reqwest;

/// What is spoken, by prior knowledge.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Version {
    Http1,
    Http2,
}

impl Version {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
        }
    }
}

pub(crate) trait Get: Clone + Send + 'static {
    /// Sends a request and reads its response. How long its body was.
    fn get(&self, uri: Uri) -> impl Future<Output = usize> + Send;
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector
}

/// Reads a body to its end; how many bytes it had.
async fn read<B: Body>(body: B) -> usize
where
    B::Error: std::fmt::Debug,
{
    let mut body = pin!(body);
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let data = frame.expect("a whole body").into_data().ok();
        bytes += data.map_or(0, |data| data.remaining());
    }
    bytes
}
