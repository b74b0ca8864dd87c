//! What an error tells, whatever kind it is.

use std::error::Error as _;
use std::io;

use http::Request;
use http_body_util::Full;
use meshpool::Limits;
use meshpool::outbound::{Client, Error, ErrorKind};

use crate::connectors::{anywhere, gated};
use crate::support::{get, nothing_is_left, spawn, within};

/// The error of a connect that failed, and what it failed with at the bottom.
async fn connect_failed() -> Error {
    let (client, mut connects) = gated(Client::builder());
    let addr = anywhere();
    let one = tokio::spawn(get(&client, addr, "/"));
    let cause = io::Error::new(io::ErrorKind::HostUnreachable, "far away");
    connects.next().await.fail(cause);
    let error = within(one).await.unwrap().unwrap_err();
    nothing_is_left(&client).await;
    error
}

#[tokio::test]
async fn a_clone_tells_the_same_and_has_the_same_cause() {
    let error = connect_failed().await;
    let clone = error.clone();
    drop(error);
    assert_eq!(clone.kind(), ErrorKind::ConnectFailed);
    assert_eq!(
        clone.destination().unwrap().to_string(),
        "http://127.0.0.1:1"
    );
    assert!(!clone.may_have_reached_server());
    let cause = clone.source().unwrap().downcast_ref::<io::Error>();
    assert_eq!(cause.unwrap().kind(), io::ErrorKind::HostUnreachable);
    assert_eq!(clone.to_string(), "could not connect: http://127.0.0.1:1");
    assert!(format!("{clone:?}").contains("far away"));
}

#[tokio::test]
async fn all_that_a_failed_connect_fails_have_its_cause() {
    let limits = Limits::new().max_connections(1);
    let (client, mut connects) = gated(Client::builder().limits(limits));
    let addr = anywhere();
    let all = [(); 3].map(|()| spawn(&client, addr, "/"));
    let cause = io::Error::new(io::ErrorKind::HostUnreachable, "far away");
    connects.next().await.fail(cause);
    for one in all {
        let error = within(one).await.unwrap().unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "far away");
    }
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn it_fits_where_errors_are_boxed() {
    use tower::{BoxError, ServiceExt};

    let client = crate::support::client(Limits::new());
    let request = Request::get("/nowhere").body(Full::default()).unwrap();
    let boxed: BoxError = client.oneshot(request).await.unwrap_err().into();
    let error = boxed.downcast_ref::<Error>().unwrap();
    assert_eq!(error.kind(), ErrorKind::NoHost);
    assert_eq!(error.to_string(), "URI without a host");
}
