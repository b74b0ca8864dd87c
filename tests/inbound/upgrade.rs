//! A WebSocket keeps its permit for as long as it keeps an `UpgradePermit`.

use axum::Router;
use axum::extract::Extension;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use futures::{SinkExt, StreamExt};
use http::Request;
use meshpool::http::UpgradePermit;
use tokio_test::{assert_ready_ok, task};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error, Message};
use tower::{Layer, Service, service_fn};

use crate::support::{Server, Witness, pool, request, until, within};

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            break;
        }
    }
}

#[tokio::test]
async fn a_websockets_permit_lives_as_long_as_the_socket() {
    let (pool, witness) = (pool(1, 0), Witness::default());
    let at_work = witness.clone();
    let chat = move |upgrade: WebSocketUpgrade, permit: Extension<UpgradePermit>| {
        let at_work = at_work.enter();
        async move {
            let response: Response = upgrade.on_upgrade(|socket| async move {
                let _permit = permit;
                echo(socket).await;
                drop(at_work);
            });
            response
        }
    };
    let app = Router::new().route("/chat", any(chat)).layer(pool.layer());
    let server = Server::axum(app).await;
    let url = format!("ws://{}/chat", server.addr);

    for _ in 0..2 {
        let (mut socket, _) = within(connect_async(&url)).await.unwrap();
        for text in ["one", "two"] {
            within(socket.send(Message::text(text))).await.unwrap();
            let echoed = within(socket.next()).await.unwrap().unwrap();
            assert_eq!(echoed.to_text().unwrap(), text);
            assert_eq!((pool.stats().active, witness.now()), (1, 1));
        }
        let Err(Error::Http(refused)) = within(connect_async(&url)).await else {
            panic!("there is one slot, and it is taken");
        };
        assert_eq!(refused.status(), 503);
        assert_eq!(refused.headers()["x-envoy-overloaded"], "true");

        within(socket.close(None)).await.unwrap();
        until(|| pool.stats().active == 0).await;
        assert_eq!(witness.now(), 0);
    }
}

#[tokio::test]
async fn a_websocket_without_it_counts_no_longer_once_it_is_upgraded() {
    let pool = pool(1, 0);
    let chat = |upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(echo) };
    let app = Router::new().route("/chat", any(chat)).layer(pool.layer());
    let server = Server::axum(app).await;
    let url = format!("ws://{}/chat", server.addr);
    let (mut socket, _) = within(connect_async(&url)).await.unwrap();
    until(|| pool.stats().active == 0).await;
    within(socket.send(Message::text("still here")))
        .await
        .unwrap();
    assert!(within(socket.next()).await.unwrap().is_ok());
}

#[test]
fn only_requests_that_ask_for_an_upgrade_carry_the_permit() {
    let pool = pool(1, 0);
    let answer = |request: Request<axum::body::Body>| async move {
        let carried = request.extensions().get::<UpgradePermit>().cloned();
        let mut response = http::Response::new(http_body_util::Empty::<bytes::Bytes>::new());
        if let Some(permit) = carried {
            response.extensions_mut().insert(permit);
        }
        Ok::<_, std::convert::Infallible>(response)
    };
    let mut service = pool.layer().layer(service_fn(answer));
    let plain = assert_ready_ok!(task::spawn(service.call(request())).poll());
    assert!(plain.extensions().get::<UpgradePermit>().is_none());
    drop(plain);

    let mut asking = request();
    asking
        .headers_mut()
        .insert("connection", "Upgrade".parse().unwrap());
    asking
        .headers_mut()
        .insert("upgrade", "anything".parse().unwrap());
    let (parts, body) = assert_ready_ok!(task::spawn(service.call(asking)).poll()).into_parts();
    let permit = parts.extensions.get::<UpgradePermit>().cloned();
    drop((parts, body));
    assert_eq!(pool.stats().active, 1, "by the permit alone");
    let clone = permit.clone();
    drop(permit);
    assert_eq!(pool.stats().active, 1);
    drop(clone);
    assert_eq!(pool.stats().active, 0);
}
