//! [`Counting`]: a connector that counts its sockets, to each destination and to all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::net::TcpStream;
use tower::Service;

use crate::link::Link;

#[derive(Clone)]
pub(super) struct Counting {
    inner: HttpConnector,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Default)]
struct Counts {
    open: HashMap<Uri, usize>,
    all: usize,
    most: usize,
    most_to_one: usize,
}

/// One socket, or the attempt at one.
pub(super) struct Counted {
    to: Uri,
    counts: Arc<Mutex<Counts>>,
}

impl Default for Counting {
    fn default() -> Self {
        Self {
            inner: HttpConnector::new(),
            counts: Arc::default(),
        }
    }
}

impl Counting {
    pub(super) fn open(&self) -> usize {
        self.counts.lock().unwrap().all
    }

    /// The most that there were at a time, in all and to one destination.
    pub(super) fn most(&self) -> (usize, usize) {
        let counts = self.counts.lock().unwrap();
        (counts.most, counts.most_to_one)
    }

    fn count(&self, to: &Uri) -> Counted {
        let mut guard = self.counts.lock().unwrap();
        let counts = &mut *guard;
        let open = counts.open.entry(to.clone()).or_default();
        *open += 1;
        counts.all += 1;
        counts.most_to_one = counts.most_to_one.max(*open);
        counts.most = counts.most.max(counts.all);
        Counted {
            to: to.clone(),
            counts: self.counts.clone(),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap();
        counts.all -= 1;
        *counts.open.get_mut(&self.to).unwrap() -= 1;
    }
}

impl Service<Uri> for Counting {
    type Response = Link<TcpStream, Counted>;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::<Uri>::poll_ready(&mut self.inner, cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let counted = self.count(&uri);
        let connecting = self.inner.call(uri);
        Box::pin(async move { Ok(Link::new(connecting.await?, counted)) })
    }
}
