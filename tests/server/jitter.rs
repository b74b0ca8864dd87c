//! Connections that are opened together do not all retire with the same request.

use std::future::IntoFuture;

use axum::Router;
use axum::routing::get;
use http_body_util::BodyExt;
use meshpool::inbound::serve;
use meshpool::{InboundPool, Limits};

use crate::memory::{self, request};

#[tokio::test(start_paused = true)]
async fn jitter_shortens_the_number_of_requests_and_never_lengthens_it() {
    let pool = InboundPool::new(Limits::new().max_requests_per_connection(100));
    let (listener, dial) = memory::listen();
    let app = Router::new().route("/user", get(|| async { "Kevin" }));
    tokio::spawn(serve(listener, app).pool(&pool).jitter(0.5).into_future());

    let mut carried = Vec::new();
    for _ in 0..20 {
        let (mut client, closed) = dial.http1().await;
        let mut requests = 0;
        loop {
            requests += 1;
            let response = client.send_request(request("/user")).await.unwrap();
            let closes = response.headers().contains_key("connection");
            assert_eq!(response.collect().await.unwrap().to_bytes(), "Kevin");
            if closes {
                break;
            }
        }
        closed.await.unwrap().unwrap();
        carried.push(requests);
    }
    assert!(
        carried.iter().all(|requests| (50..=100).contains(requests)),
        "{carried:?}"
    );
    // That all twenty are equal has a chance of one to 10 to the 32nd.
    assert!(carried.iter().any(|n| *n != carried[0]), "{carried:?}");
}
