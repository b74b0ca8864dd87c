//! [`Load`]: so many requests in flight, again and again.

use std::net::SocketAddr;
use std::time::Duration;

use http::Uri;
use tokio::runtime::{self, Runtime};
use tokio::task::JoinSet;

use crate::clients::Get;

/// A client on a thread of its own.
pub(crate) struct Load<C> {
    runtime: Runtime,
    client: C,
    uri: Uri,
    in_flight: usize,
    size: usize,
}

impl<C: Get> Load<C> {
    pub(crate) fn new(
        client: impl Fn() -> C,
        address: SocketAddr,
        in_flight: usize,
        size: usize,
    ) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let client = runtime.block_on(async { client() });
        let uri = format!("http://{address}/user").parse();
        Self {
            runtime,
            client,
            uri: uri.expect("a URI"),
            in_flight,
            size,
        }
    }

    /// Sends so many requests by each of those that are to be in flight. How long that took, by
    /// this clock.
    pub(crate) fn run(&self, rounds: u64, clock: fn() -> Duration) -> Duration {
        self.runtime.block_on(async {
            let started = clock();
            let mut all: JoinSet<_> = (0..self.in_flight).map(|_| self.send(rounds)).collect();
            while let Some(ended) = all.join_next().await {
                ended.expect("all responses are whole");
            }
            clock() - started
        })
    }

    /// One request after the other.
    fn send(&self, rounds: u64) -> impl Future<Output = ()> + Send + 'static {
        let (client, uri, size) = (self.client.clone(), self.uri.clone(), self.size);
        async move {
            for _ in 0..rounds {
                assert_eq!(client.get(uri.clone()).await, size);
            }
        }
    }
}
