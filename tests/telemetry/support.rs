//! A pool to tell of.

use std::convert::Infallible;

use http::{Request, Response};
use meshpool::inbound::ConnectionPool;
use meshpool::{InboundPool, Limits};
use tower::util::ServiceFn;
use tower::{Layer, Service, service_fn};

type Kevin = fn(Request<()>) -> std::future::Ready<Result<Response<String>, Infallible>>;

pub(crate) fn pool(slots: u32, places: u32) -> InboundPool {
    InboundPool::builder()
        .name("user")
        .limits(
            Limits::new()
                .max_requests(slots)
                .max_pending_requests(places),
        )
        .build()
}

pub(crate) fn service(pool: &InboundPool) -> ConnectionPool<ServiceFn<Kevin>> {
    let kevin: Kevin = |_| std::future::ready(Ok(Response::new("Kevin".to_owned())));
    pool.layer().layer(service_fn(kevin))
}

/// Sends a request that has not to wait, and holds its response.
pub(crate) fn send(pool: &InboundPool) -> Response<impl http_body::Body + use<>> {
    let mut response = tokio_test::task::spawn(service(pool).call(Request::new(())));
    tokio_test::assert_ready!(response.poll()).unwrap()
}

/// One runs, one waits behind it, the slot comes back, and the other runs.
pub(crate) fn wait_once(pool: &InboundPool) {
    let first = send(pool);
    let mut second = tokio_test::task::spawn(service(pool).call(Request::new(())));
    tokio_test::assert_pending!(second.poll());
    drop(first);
    tokio_test::assert_ready!(second.poll()).unwrap();
}
