//! tonic: unary and streaming calls through the layer, and what its client sees of a refusal.

use meshpool::InboundPool;
use meshpool::inbound::Builder;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::health_reporter;

use crate::support::{Server, limits, until, within};

type Client = HealthClient<Channel>;

/// tonic's own server, with the layer around all its services.
async fn own_server(pool: &InboundPool) -> Server {
    let layer = pool.layer();
    Server::run(|listener| async {
        let (_reporter, health) = health_reporter();
        let server = tonic::transport::Server::builder()
            .layer(layer)
            .add_service(health);
        let incoming = TcpListenerStream::new(listener);
        server.serve_with_incoming(incoming).await.unwrap();
    })
    .await
}

/// tonic's routes as a router, under plain `axum::serve`.
async fn router(pool: &InboundPool) -> Server {
    let (_reporter, health) = health_reporter();
    let app = Routes::new(health).into_axum_router().layer(pool.layer());
    Server::axum(app).await
}

async fn connect(server: &Server) -> Client {
    let endpoint = Endpoint::from_shared(server.url("")).unwrap();
    HealthClient::new(within(endpoint.connect()).await.unwrap())
}

async fn check(client: &mut Client) -> Result<ServingStatus, Status> {
    let response = within(client.check(HealthCheckRequest::default())).await?;
    Ok(response.into_inner().status())
}

async fn watch(client: &mut Client) -> Streaming<HealthCheckResponse> {
    let response = within(client.watch(HealthCheckRequest::default())).await;
    let mut stream = response.unwrap().into_inner();
    let first = within(stream.message()).await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    stream
}

fn unavailable(status: &Status) {
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert_eq!(
        status.message(),
        "overflow: max_requests limit of 1 reached"
    );
    assert_eq!(status.metadata().get("x-envoy-overloaded").unwrap(), "true");
}

async fn a_stream_holds_its_slot_and_others_are_unavailable(pool: InboundPool, server: Server) {
    let mut clients = [connect(&server).await, connect(&server).await];
    for client in &mut clients {
        assert_eq!(check(client).await.unwrap(), ServingStatus::Serving);
        until(|| pool.stats().active == 0).await;
    }
    let stream = watch(&mut clients[0]).await;
    assert_eq!(pool.stats().active, 1);
    for client in &mut clients {
        unavailable(&check(client).await.unwrap_err());
        let refused = within(client.watch(HealthCheckRequest::default())).await;
        unavailable(&refused.unwrap_err());
    }
    assert_eq!(pool.stats().overflowed.max_requests, 4);
    drop(stream); // a reset, to the server
    until(|| pool.stats().active == 0).await;
    assert_eq!(
        check(&mut clients[1]).await.unwrap(),
        ServingStatus::Serving
    );
}

#[tokio::test]
async fn on_tonics_own_server_a_stream_holds_its_slot_and_others_are_unavailable() {
    let pool = InboundPool::new(limits(1, 0));
    let server = own_server(&pool).await;
    a_stream_holds_its_slot_and_others_are_unavailable(pool, server).await;
}

#[tokio::test]
async fn under_axum_serve_a_stream_holds_its_slot_and_others_are_unavailable() {
    let pool = InboundPool::new(limits(1, 0));
    let server = router(&pool).await;
    a_stream_holds_its_slot_and_others_are_unavailable(pool, server).await;
}

async fn a_call_waits_for_the_stream_before_it(pool: InboundPool, server: Server) {
    let mut client = connect(&server).await;
    let stream = watch(&mut client).await;
    let mut other = client.clone();
    let waiting = tokio::spawn(async move { check(&mut other).await });
    until(|| pool.stats().pending == 1).await;
    let refused = check(&mut client).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(
        refused.message(),
        "overflow: max_pending_requests limit of 1 reached"
    );
    drop(stream);
    let served = within(waiting).await.unwrap();
    assert_eq!(served.unwrap(), ServingStatus::Serving);
}

#[tokio::test]
async fn on_tonics_own_server_a_call_waits_for_the_stream_before_it() {
    let pool = InboundPool::new(limits(1, 1));
    let server = own_server(&pool).await;
    a_call_waits_for_the_stream_before_it(pool, server).await;
}

#[tokio::test]
async fn under_axum_serve_a_call_waits_for_the_stream_before_it() {
    let pool = InboundPool::new(limits(1, 1));
    let server = router(&pool).await;
    a_call_waits_for_the_stream_before_it(pool, server).await;
}

#[tokio::test]
async fn a_callers_deadline_bounds_its_wait() {
    let pool = InboundPool::new(limits(1, 1));
    let server = router(&pool).await;
    let mut client = connect(&server).await;
    let _stream = watch(&mut client).await;
    // By hand, since a client that knows of deadlines has a timer of its own.
    let raw = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap()
        .post(server.url("/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", "50m")
        .body(vec![0; 5]); // an empty message
    let refused = within(raw.send()).await.unwrap();
    assert_eq!(refused.status(), 200);
    assert_eq!(refused.headers()["grpc-status"], "4");
    until(|| pool.stats().pending == 0).await;
}

#[tokio::test]
async fn an_exempt_method_is_served_when_all_is_full() {
    let builder: Builder = InboundPool::builder();
    let pool = builder
        .limits(limits(1, 0))
        .exempt(|request| request.uri().path() == "/grpc.health.v1.Health/Check")
        .build();
    let server = own_server(&pool).await;
    let mut client = connect(&server).await;
    let _stream = watch(&mut client).await;
    assert_eq!(check(&mut client).await.unwrap(), ServingStatus::Serving);
}
