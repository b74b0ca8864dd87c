//! A real Envoy in front, retrying as Istio tells it to. Runs where `ENVOY` names the binary.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use bytes::Bytes;
use http::{Response, StatusCode};
use meshpool::InboundPool;
use meshpool::inbound::Builder;
use tokio::process::{Child, Command};

use crate::support::{Server, Witness, client, limits, until, within};

/// What a mesh retries by default, and how often.
const RETRY_ON: &str =
    "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";
const RETRIES: usize = 2;

/// A service that refuses everything, and the number of requests that reached it.
async fn refusing(builder: Builder) -> (Server, Witness) {
    let pool = builder.limits(limits(0, 0)).build();
    let hits = Witness::default();
    let app = Router::new()
        .route("/", get(|| async { "Kevin" }))
        .layer(pool.layer())
        .layer(from_fn_with_state(
            hits.clone(),
            async |hits: axum::extract::State<Witness>, request, next: axum::middleware::Next| {
                drop(hits.enter());
                next.run(request).await
            },
        ));
    (Server::axum(app).await, hits)
}

/// Envoy in front of a service; killed when this is dropped.
struct Envoy {
    process: Child,
    addr: SocketAddr,
}

impl Envoy {
    async fn before(service: SocketAddr, binary: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("envoy.yaml");
        let admin = dir.path().join("admin");
        std::fs::write(&config, self::config(service)).unwrap();
        let process = Command::new(binary)
            .arg("--config-path")
            .arg(&config)
            .arg("--admin-address-path")
            .arg(&admin)
            .args(["--disable-hot-restart", "--concurrency", "1", "-l", "error"])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut envoy = Self {
            process,
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        // It writes where its admin listens, which knows where the listener does.
        let mut address = None;
        until(|| {
            address = std::fs::read_to_string(&admin)
                .ok()
                .and_then(|text| text.parse::<SocketAddr>().ok());
            address.is_some() || envoy.process.try_wait().unwrap().is_some()
        })
        .await;
        let address = address.expect("envoy has ended");
        envoy.addr = within(listener(address)).await;
        envoy
    }

    async fn stop(mut self) {
        self.process.kill().await.unwrap();
    }
}

/// Asks the admin where the listener is, until there is one.
async fn listener(admin: SocketAddr) -> SocketAddr {
    loop {
        let listeners = client()
            .get(format!("http://{admin}/listeners?format=json"))
            .send()
            .await;
        let listeners: serde_json::Value = match listeners {
            Ok(response) => serde_json::from_str(&response.text().await.unwrap()).unwrap(),
            Err(_) => serde_json::Value::Null,
        };
        let port =
            &listeners["listener_statuses"][0]["local_address"]["socket_address"]["port_value"];
        let ready = client().get(format!("http://{admin}/ready")).send().await;
        if let (Some(port), Ok(ready)) = (port.as_u64(), ready) {
            if ready.status() == StatusCode::OK {
                return SocketAddr::from(([127, 0, 0, 1], port.try_into().unwrap()));
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn config(service: SocketAddr) -> String {
    let port = service.port();
    format!(
        r#"
admin:
  address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
static_resources:
  listeners:
  - name: in
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{ prefix: "/" }}
                route:
                  cluster: service
                  retry_policy:
                    retry_on: {RETRY_ON}
                    num_retries: {RETRIES}
                    retriable_status_codes: [503]
                    host_selection_retry_max_attempts: 5
                    retry_host_predicate:
                    - name: envoy.retry_host_predicates.previous_hosts
                      typed_config:
                        "@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: service
    type: STATIC
    load_assignment:
      cluster_name: service
      endpoints:
      - lb_endpoints:
        - endpoint:
            address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
"#
    )
}

/// Sends one request through Envoy; how often the service met it, and what came back.
async fn hits(builder: Builder, binary: &Path) -> (usize, StatusCode) {
    let (service, hits) = refusing(builder).await;
    let envoy = Envoy::before(service.addr, binary).await;
    let response = within(client().get(format!("http://{}/", envoy.addr)).send())
        .await
        .unwrap();
    let status = response.status();
    assert_eq!(response.headers()["x-envoy-overloaded"], "true");
    envoy.stop().await;
    (hits.all(), status)
}

#[tokio::test]
async fn an_envoy_in_front_sends_a_refused_request_once() {
    let Some(binary) = std::env::var_os("ENVOY") else {
        eprintln!("SKIPPED: ENVOY names no binary");
        return;
    };
    let binary = Path::new(&binary);

    let marked = InboundPool::builder();
    assert_eq!(
        hits(marked, binary).await,
        (1, StatusCode::SERVICE_UNAVAILABLE)
    );

    // The same without the header that stops it, as Envoy itself answers.
    let unmarked = InboundPool::builder().on_refused(|_, _| {
        Response::builder()
            .status(StatusCode::SERVICE_UNAVAILABLE)
            .header("x-envoy-overloaded", "true")
            .body(Bytes::from_static(b"overflow\n"))
            .unwrap()
    });
    let (sent, status) = hits(unmarked, binary).await;
    assert_eq!(
        (sent, status),
        (1 + RETRIES, StatusCode::SERVICE_UNAVAILABLE)
    );
}
