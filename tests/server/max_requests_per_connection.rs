//! The layer for make-services, under plain `axum::serve`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use meshpool::{InboundPool, Limits};
use tower::Layer;

use crate::support::{self, Raw, bind};

/// A router, and how many requests it has seen.
fn app() -> (Router, Arc<AtomicUsize>) {
    let served = Arc::new(AtomicUsize::new(0));
    let counter = served.clone();
    let app = Router::new()
        .route("/user", get(|| async { "Kevin" }))
        .route("/echo", post(|body: String| async { body }))
        .route("/unread", post(|| async { "unread" }))
        .layer(axum::middleware::from_fn(
            move |request, next: axum::middleware::Next| {
                counter.fetch_add(1, Ordering::Relaxed);
                next.run(request)
            },
        ));
    (app, served)
}

async fn serve(pool: &InboundPool, app: Router) -> SocketAddr {
    let (listener, addr) = bind().await;
    let make = pool
        .max_requests_per_connection_layer()
        .layer(app.into_make_service());
    tokio::spawn(async move { axum::serve(listener, make).await });
    addr
}

fn pool(requests: u32) -> InboundPool {
    InboundPool::new(Limits::new().max_requests_per_connection(requests))
}

#[tokio::test]
async fn the_nth_response_says_close_and_the_socket_closes_after_it() {
    let (app, _) = app();
    let addr = serve(&pool(3), app).await;
    for _ in 0..2 {
        let mut client = Raw::connect(addr).await;
        assert!(!client.get("/user").await.closes());
        assert!(!client.get("/user").await.closes());
        let last = client.get("/user").await;
        assert!(last.closes(), "{last:?}");
        assert_eq!(last.body, "Kevin");
        assert_eq!(client.rest().await, "");
    }
}

#[tokio::test]
async fn pipelined_requests_past_the_nth_are_not_served() {
    let (app, served) = app();
    let addr = serve(&pool(2), app).await;
    let mut client = Raw::connect(addr).await;
    client.send(support::get("/user").repeat(5)).await;
    assert!(!client.response().await.closes());
    assert!(client.response().await.closes());
    assert_eq!(client.rest().await, "");
    assert_eq!(served.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn chunked_requests_count_one_each() {
    let (app, served) = app();
    let addr = serve(&pool(2), app).await;
    let mut client = Raw::connect(addr).await;
    let request = "POST /echo HTTP/1.1\r\nhost: user\r\ntransfer-encoding: chunked\r\n\r\n\
                   3\r\nKev\r\n2\r\nin\r\n0\r\n\r\n";
    client.send(request.repeat(3)).await;
    let first = client.response().await;
    assert_eq!((first.closes(), first.body.as_str()), (false, "Kevin"));
    let last = client.response().await;
    assert_eq!((last.closes(), last.body.as_str()), (true, "Kevin"));
    assert_eq!(client.rest().await, "");
    assert_eq!(served.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_body_nobody_read_does_not_keep_the_socket_open() {
    let (app, _) = app();
    let addr = serve(&pool(1), app).await;
    let mut client = Raw::connect(addr).await;
    client
        .send("POST /unread HTTP/1.1\r\nhost: user\r\ncontent-length: 5\r\n\r\nKevin")
        .await;
    assert!(client.response().await.closes());
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn refused_requests_count() {
    let pool = InboundPool::new(
        Limits::new()
            .max_requests(0)
            .max_pending_requests(0)
            .max_requests_per_connection(2),
    );
    let (app, served) = app();
    let addr = serve(&pool, app.layer(pool.layer())).await;
    let mut client = Raw::connect(addr).await;
    let first = client.get("/user").await;
    assert_eq!((first.status(), first.closes()), (503, false));
    let last = client.get("/user").await;
    assert_eq!((last.status(), last.closes()), (503, true));
    assert_eq!(client.rest().await, "");
    assert_eq!(served.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn connect_info_is_kept() {
    let (listener, addr) = bind().await;
    let app = Router::new().route(
        "/",
        get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
    );
    let make = pool(1)
        .max_requests_per_connection_layer()
        .layer(app.into_make_service_with_connect_info::<SocketAddr>());
    tokio::spawn(async move { axum::serve(listener, make).await });

    let mut client = Raw::connect(addr).await;
    let response = client.get("/").await;
    assert!(response.closes());
    assert_eq!(client.rest().await, "");
    let peer = client.local_addr();
    assert_eq!(response.body, peer.to_string());
}

#[tokio::test]
async fn a_count_already_past_a_lowered_limit_closes_with_the_next_response() {
    let pool = pool(100);
    let (app, _) = app();
    let addr = serve(&pool, app).await;
    let mut client = Raw::connect(addr).await;
    for _ in 0..5 {
        assert!(!client.get("/user").await.closes());
    }
    pool.update(pool.limits().max_requests_per_connection(2));
    assert!(client.get("/user").await.closes());
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_lifted_limit_holds_for_open_connections() {
    let pool = pool(2);
    let (app, _) = app();
    let addr = serve(&pool, app).await;
    let mut client = Raw::connect(addr).await;
    assert!(!client.get("/user").await.closes());
    pool.update(Limits::new());
    for _ in 0..5 {
        assert!(!client.get("/user").await.closes());
    }
}

#[tokio::test]
async fn on_http2_it_counts_and_says_nothing() {
    let (app, _) = app();
    let addr = serve(&pool(1), app).await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy()
        .build()
        .unwrap();
    for _ in 0..3 {
        let response = client.get(format!("http://{addr}/user")).send();
        let response = support::within(response).await.unwrap();
        assert!(!response.headers().contains_key("connection"));
        assert_eq!(support::within(response.text()).await.unwrap(), "Kevin");
    }
}

#[tokio::test]
async fn jitter_shortens_and_never_lengthens() {
    let (listener, addr) = bind().await;
    let (app, _) = app();
    let make = pool(4)
        .max_requests_per_connection_layer()
        .jitter(1.0)
        .layer(app.into_make_service());
    tokio::spawn(async move { axum::serve(listener, make).await });
    let mut shortest = 4;
    for _ in 0..20 {
        let mut client = Raw::connect(addr).await;
        let mut requests = 1;
        while !client.get("/user").await.closes() {
            requests += 1;
        }
        assert!((1..=4).contains(&requests));
        shortest = shortest.min(requests);
        assert_eq!(client.rest().await, "");
    }
    // All twenty at 4 has a chance of one to a million million.
    assert!(shortest < 4);
}
