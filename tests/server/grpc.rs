//! tonic's routes under our `serve`, and what tonic's own client sees of it over HTTP/2 in the
//! clear.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use meshpool::inbound::serve;
use meshpool::{InboundPool, Limits};
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};
use tonic_health::ServingStatus;
use tonic_health::pb::health_check_response::ServingStatus as Answer;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::{HealthReporter, health_reporter};

use crate::support::{bind, until, within};

type Client = HealthClient<Channel>;

/// A server of tonic's health service, which has a unary method and a streaming one.
struct Server {
    url: String,
    reporter: HealthReporter,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(pool: &InboundPool) -> Self {
        let (reporter, health) = health_reporter();
        let app = Routes::new(health).into_axum_router().layer(pool.layer());
        let (listener, addr) = bind().await;
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        let server = serve(listener, app)
            .pool(pool)
            .connect_info(move |_, _| _ = counter.fetch_add(1, Ordering::Relaxed));
        tokio::spawn(server.into_future());
        Self {
            url: format!("http://{addr}"),
            reporter,
            connections,
        }
    }

    async fn client(&self) -> Client {
        let endpoint = Endpoint::from_shared(self.url.clone()).unwrap();
        HealthClient::new(within(endpoint.connect()).await.unwrap())
    }

    /// Changes what all that watch are told.
    async fn report(&self, status: ServingStatus) {
        self.reporter.set_service_status("", status).await;
    }
}

/// A unary call.
async fn check(client: &mut Client) -> Result<Answer, Status> {
    let response = within(client.check(HealthCheckRequest::default())).await?;
    Ok(response.into_inner().status())
}

/// A streaming call, which goes on until it is dropped.
async fn watch(client: &mut Client) -> Result<Streaming<HealthCheckResponse>, Status> {
    let response = within(client.watch(HealthCheckRequest::default())).await?;
    Ok(response.into_inner())
}

async fn next(stream: &mut Streaming<HealthCheckResponse>) -> Answer {
    within(stream.message()).await.unwrap().unwrap().status()
}

fn assert_unavailable(status: &Status, why: &str) {
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert_eq!(status.message(), why);
    let overloaded = status.metadata().get("x-envoy-overloaded");
    assert_eq!(overloaded.unwrap(), "true");
}

#[tokio::test]
async fn a_stream_holds_its_slot_to_its_end_and_others_are_unavailable() {
    let pool = InboundPool::new(Limits::new().max_requests(1).max_pending_requests(0));
    let server = Server::start(&pool).await;
    let (mut one, mut other) = (server.client().await, server.client().await);
    assert_eq!(check(&mut one).await.unwrap(), Answer::Serving);
    until(|| pool.stats().active == 0).await;

    let mut stream = watch(&mut one).await.unwrap();
    assert_eq!(next(&mut stream).await, Answer::Serving);
    // On its own connection and on another, whatever was streamed meanwhile.
    for (status, told) in [
        (ServingStatus::NotServing, Answer::NotServing),
        (ServingStatus::Serving, Answer::Serving),
    ] {
        let why = "overflow: max_requests limit of 1 reached";
        for client in [&mut one, &mut other] {
            assert_unavailable(&check(client).await.unwrap_err(), why);
            assert_unavailable(&watch(client).await.unwrap_err(), why);
        }
        server.report(status).await;
        assert_eq!(next(&mut stream).await, told);
        assert_eq!(pool.stats().active, 1);
    }
    assert_eq!(pool.stats().overflowed.max_requests, 8);

    drop(stream);
    until(|| pool.stats().active == 0).await;
    assert_eq!(check(&mut other).await.unwrap(), Answer::Serving);
}

#[tokio::test]
async fn a_call_waits_for_the_stream_before_it_and_the_next_is_unavailable() {
    let pool = InboundPool::new(Limits::new().max_requests(1).max_pending_requests(1));
    let server = Server::start(&pool).await;
    let mut client = server.client().await;
    let stream = watch(&mut client).await.unwrap();
    let mut second = client.clone();
    let waiting = tokio::spawn(async move { check(&mut second).await });
    until(|| pool.stats().pending == 1).await;
    assert_unavailable(
        &check(&mut client).await.unwrap_err(),
        "overflow: max_pending_requests limit of 1 reached",
    );
    drop(stream);
    assert_eq!(within(waiting).await.unwrap().unwrap(), Answer::Serving);
}

#[tokio::test]
async fn a_stream_outlives_its_connections_last_request_and_calls_go_on_elsewhere() {
    let pool = InboundPool::new(Limits::new().max_requests_per_connection(1));
    let server = Server::start(&pool).await;
    let mut client = server.client().await;
    let mut stream = watch(&mut client).await.unwrap();
    assert_eq!(next(&mut stream).await, Answer::Serving);
    // The client goes over to other connections. It may hear of that when a call is already on its
    // way to the old one, which then never leaves.
    within(async {
        while server.connections.load(Ordering::Relaxed) < 3 {
            match check(&mut client).await {
                Ok(answer) => assert_eq!(answer, Answer::Serving),
                Err(unsent) => assert_eq!(unsent.code(), Code::Cancelled, "{unsent:?}"),
            }
        }
    })
    .await;
    server.report(ServingStatus::NotServing).await;
    assert_eq!(next(&mut stream).await, Answer::NotServing);
    assert_eq!(pool.stats().active, 1);
}
