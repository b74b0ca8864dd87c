//! Thousands of hosts: those that are forgotten leave nothing.

use std::io;
use std::ops::Range;

use allocation_counter::measure;
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use meshpool::outbound::{Client, ErrorKind};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tower::{ServiceExt, service_fn};

/// How many are remembered.
const EMPTY: usize = 100;

/// A request to each, which fails.
fn visit(runtime: &Runtime, client: &Client<Empty<Bytes>>, hosts: Range<u32>) {
    runtime.block_on(async {
        for host in hosts {
            let request = Request::get(format!("http://host-{host:05}/"));
            let request = request.body(Empty::new()).unwrap();
            let error = client.clone().oneshot(request).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectFailed);
        }
    });
}

#[test]
fn ten_thousand_hosts_take_as_much_as_the_few_that_are_remembered() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let connector = service_fn(|_| async {
        Err::<TokioIo<TcpStream>, _>(io::Error::from(io::ErrorKind::HostUnreachable))
    });
    let client = Client::builder()
        .max_idle_destinations(EMPTY)
        .build(connector);
    visit(&runtime, &client, 0..1000);
    let more = measure(|| visit(&runtime, &client, 1000..11_000)).bytes_current;
    let known = client.destinations().len();
    assert!(known <= 2 * EMPTY, "{known} destinations");
    // The difference between as few and as many as there may be at a time, and no more.
    assert!(more <= 2048 * EMPTY as i64, "{more} bytes more");
}
