//! The accept loop over real sockets.

use std::convert::Infallible;
use std::future::{Future, IntoFuture};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Extension, WebSocketUpgrade};
use axum::routing::{any, get, post};
use futures::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::rt::TokioIo;
use meshpool::inbound::{Listener, Serve, serve};
use meshpool::{InboundPool, Limits};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tower::{Layer, service_fn};

use crate::support::{self, Raw, bind, until, within};

async fn start<A>(
    app: A,
    configure: impl FnOnce(Serve<TcpListener, A>) -> Serve<TcpListener, A>,
) -> SocketAddr
where
    Serve<TcpListener, A>: IntoFuture<Output = (), IntoFuture: Send + 'static>,
{
    let (listener, addr) = bind().await;
    tokio::spawn(configure(serve(listener, app)).into_future());
    addr
}

fn limited(requests: u32) -> InboundPool {
    InboundPool::new(Limits::new().max_requests_per_connection(requests))
}

fn app() -> Router {
    Router::new()
        .route("/user", get(|| async { "Kevin" }))
        .route("/echo", post(|body: String| async { body }))
}

#[tokio::test]
async fn on_http1_the_nth_response_closes() {
    let pool = limited(2);
    let addr = start(app(), |server| server.pool(&pool)).await;
    for _ in 0..2 {
        let mut client = Raw::connect(addr).await;
        assert!(!client.get("/user").await.closes());
        assert!(client.get("/user").await.closes());
        assert_eq!(client.rest().await, "");
    }
}

#[tokio::test]
async fn pipelined_and_chunked_requests_count_one_each() {
    let pool = limited(2);
    let addr = start(app(), |server| server.pool(&pool)).await;
    let mut client = Raw::connect(addr).await;
    let chunked = "POST /echo HTTP/1.1\r\nhost: user\r\ntransfer-encoding: chunked\r\n\r\n\
                   5\r\nKevin\r\n0\r\n\r\n";
    client.send(chunked.repeat(4)).await;
    assert!(!client.response().await.closes());
    let last = client.response().await;
    assert_eq!((last.closes(), last.body.as_str()), (true, "Kevin"));
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_lowered_count_closes_with_the_next_response() {
    let pool = limited(100);
    let addr = start(app(), |server| server.pool(&pool)).await;
    let mut client = Raw::connect(addr).await;
    for _ in 0..3 {
        assert!(!client.get("/user").await.closes());
    }
    pool.update(Limits::new().max_requests_per_connection(1));
    assert!(client.get("/user").await.closes());
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn the_layer_goes_inside_the_router_or_around_it() {
    let pool = InboundPool::new(Limits::new().max_requests(1));
    let inside = start(app().layer(pool.layer()), |server| server).await;
    let around = start(pool.layer().layer(app()), |server| server).await;
    for addr in [inside, around] {
        let response = Raw::connect(addr).await.get("/user").await;
        assert_eq!((response.status(), response.body.as_str()), (200, "Kevin"));
    }
    assert_eq!(pool.stats().admitted, Some(2));
    until(|| pool.stats().active == 0).await;
}

#[tokio::test]
async fn a_service_of_any_kind_is_served() {
    let service = service_fn(async |_: http::Request<hyper::body::Incoming>| {
        Ok::<_, Infallible>(http::Response::new(Full::new(bytes::Bytes::from("plain"))))
    });
    let addr = start(service, |server| server).await;
    assert_eq!(Raw::connect(addr).await.get("/").await.body, "plain");
}

#[tokio::test]
async fn connect_info_tells_the_handler_of_the_peer() {
    let app = Router::new().route(
        "/",
        get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
    );
    let addr = start(app, |server| {
        server.connect_info(|_, peer| ConnectInfo(*peer))
    })
    .await;
    let mut client = Raw::connect(addr).await;
    let response = client.get("/").await;
    let peer = client.local_addr();
    assert_eq!(response.body, peer.to_string());
}

/// Says of each connection whether it has TCP_NODELAY.
struct Tapped(TcpListener);

impl Listener for Tapped {
    type Io = TokioIo<TcpStream>;
    type Addr = SocketAddr;
    type Handshake = std::future::Ready<io::Result<Self::Io>>;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Handshake, SocketAddr)>> {
        let (socket, peer) = ready!(self.0.poll_accept(cx))?;
        Poll::Ready(Ok((std::future::ready(Ok(TokioIo::new(socket))), peer)))
    }

    fn set_nodelay(io: &Self::Io, nodelay: bool) -> io::Result<()> {
        io.inner().set_nodelay(nodelay)
    }
}

#[tokio::test]
async fn tcp_nodelay_is_on_unless_it_is_turned_off() {
    let app = Router::new().route(
        "/",
        get(|Extension(nodelay): Extension<bool>| async move { nodelay.to_string() }),
    );
    for (configured, expected) in [(None, "true"), (Some(false), "false")] {
        let (listener, addr) = bind().await;
        let mut server = serve(Tapped(listener), app.clone())
            .connect_info(|io, _| io.inner().nodelay().unwrap());
        if let Some(nodelay) = configured {
            server = server.nodelay(nodelay);
        }
        tokio::spawn(server.into_future());
        assert_eq!(Raw::connect(addr).await.get("/").await.body, expected);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("user.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let pool = limited(1);
    tokio::spawn(serve(listener, app()).pool(&pool).into_future());
    for _ in 0..2 {
        let socket = tokio::net::UnixStream::connect(&path).await.unwrap();
        let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket))
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        let request = http::Request::get("/user")
            .header("host", "user")
            .body(Empty::<bytes::Bytes>::new())
            .unwrap();
        let response = within(client.send_request(request)).await.unwrap();
        assert_eq!(response.headers()["connection"], "close");
        within(connection).await.unwrap().unwrap();
    }
}

/// Connects and is served, which happens only when there is room.
async fn is_served(addr: SocketAddr) {
    let mut client = Raw::connect(addr).await;
    assert_eq!(client.get("/user").await.body, "Kevin");
}

#[tokio::test]
async fn a_connection_past_the_maximum_waits_until_one_is_closed() {
    let addr = start(app(), |server| server.max_connections(2)).await;
    let mut first = Raw::connect(addr).await;
    let mut second = Raw::connect(addr).await;
    first.get("/user").await;
    second.get("/user").await;

    let mut third = Raw::connect(addr).await;
    third.send(support::get("/user")).await;
    // The others are served all the while, and it is not.
    for _ in 0..10 {
        first.get("/user").await;
        second.get("/user").await;
    }
    assert!(!third.has_heard());
    drop(second);
    assert_eq!(third.response().await.body, "Kevin");
}

#[tokio::test]
async fn a_websocket_holds_its_connection_until_it_is_closed() {
    let app = app().route(
        "/chat",
        any(async |upgrade: WebSocketUpgrade| {
            upgrade.on_upgrade(async |mut socket| {
                while let Some(Ok(message)) = socket.recv().await {
                    if socket.send(message).await.is_err() {
                        break;
                    }
                }
            })
        }),
    );
    // Also with one request per connection: an upgrade is not closed for it.
    let pool = limited(1);
    let addr = start(app, |server| server.pool(&pool).max_connections(1)).await;
    let (mut socket, _) = within(tokio_tungstenite::connect_async(format!(
        "ws://{addr}/chat"
    )))
    .await
    .unwrap();

    let mut next = Raw::connect(addr).await;
    next.send(support::get("/user")).await;
    for _ in 0..10 {
        within(socket.send(Message::text("Kevin"))).await.unwrap();
        let answer = within(socket.next()).await.unwrap().unwrap();
        assert_eq!(answer.into_text().unwrap(), "Kevin");
    }
    assert!(!next.has_heard(), "the socket has the only slot");
    within(socket.close(None)).await.unwrap();
    drop(socket);
    assert_eq!(next.response().await.body, "Kevin");
}

#[tokio::test]
async fn a_panic_in_a_handler_gives_the_connection_back() {
    let app = app().route(
        "/panic",
        get(async || -> &'static str { panic!("on purpose") }),
    );
    let addr = start(app, |server| server.max_connections(1)).await;
    let mut client = Raw::connect(addr).await;
    client.send(support::get("/panic")).await;
    assert_eq!(client.rest().await, "");
    drop(client);
    is_served(addr).await;
}

#[tokio::test]
async fn a_client_gone_mid_body_gives_connection_and_permit_back() {
    let pool = InboundPool::new(Limits::new().max_requests(1).max_pending_requests(0));
    let endless = || async {
        Body::from_stream(futures::stream::repeat_with(|| {
            Ok::<_, Infallible>(vec![b'x'; 1000])
        }))
    };
    let app = app().route("/endless", get(endless)).layer(pool.layer());
    let addr = start(app, |server| server.pool(&pool).max_connections(1)).await;
    let mut client = Raw::connect(addr).await;
    client.send(support::get("/endless")).await;
    until(|| pool.stats().active == 1).await;
    drop(client);
    until(|| pool.stats().active == 0).await;
    is_served(addr).await;
}

/// Counts what it accepts.
struct Counting(TcpListener, Arc<AtomicUsize>);

impl Listener for Counting {
    type Io = <TcpListener as Listener>::Io;
    type Addr = SocketAddr;
    type Handshake = <TcpListener as Listener>::Handshake;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Handshake, SocketAddr)>> {
        let accepted = ready!(Listener::poll_accept(&mut self.0, cx))?;
        self.1.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(accepted))
    }
}

/// Serves, and counts the connections where they are accepted.
async fn start_counting(app: Router, pool: &InboundPool) -> (SocketAddr, Arc<AtomicUsize>) {
    let (listener, addr) = bind().await;
    let accepted = Arc::new(AtomicUsize::new(0));
    let server = serve(Counting(listener, accepted.clone()), app).pool(pool);
    tokio::spawn(server.into_future());
    (addr, accepted)
}

#[tokio::test]
async fn refused_requests_count() {
    let limits = Limits::new().max_requests(0).max_pending_requests(0);
    let pool = InboundPool::new(limits.max_requests_per_connection(2));
    let (addr, accepted) = start_counting(app().layer(pool.layer()), &pool).await;
    let mut client = Raw::connect(addr).await;
    let first = client.get("/user").await;
    assert_eq!((first.status(), first.closes()), (503, false));
    let last = client.get("/user").await;
    assert_eq!((last.status(), last.closes()), (503, true));
    assert_eq!(client.rest().await, "");
    assert_eq!(accepted.load(Ordering::Relaxed), 1);

    let mut client = Raw::connect(addr).await;
    let third = client.get("/user").await;
    assert_eq!((third.status(), third.closes()), (503, false));
    assert_eq!(accepted.load(Ordering::Relaxed), 2);
}

/// Has handshakes that fail, and counts them.
struct Failing(TcpListener, Arc<AtomicUsize>);

impl Listener for Failing {
    type Io = TokioIo<TcpStream>;
    type Addr = SocketAddr;
    type Handshake = Pin<Box<dyn Future<Output = io::Result<Self::Io>> + Send>>;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Handshake, SocketAddr)>> {
        let (socket, peer) = ready!(self.0.poll_accept(cx))?;
        let fails = self.1.fetch_add(1, Ordering::Relaxed) < 3;
        let handshake: Self::Handshake = Box::pin(async move {
            if fails {
                return Err(io::ErrorKind::InvalidData.into());
            }
            Ok(TokioIo::new(socket))
        });
        Poll::Ready(Ok((handshake, peer)))
    }
}

#[tokio::test]
async fn a_handshake_that_fails_gives_the_connection_back() {
    let (listener, addr) = bind().await;
    let accepted = Arc::new(AtomicUsize::new(0));
    let server = serve(Failing(listener, accepted.clone()), app()).max_connections(1);
    tokio::spawn(server.into_future());
    for _ in 0..3 {
        assert_eq!(Raw::connect(addr).await.rest().await, "");
    }
    is_served(addr).await;
    assert_eq!(accepted.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn the_last_response_survives_what_the_client_still_sends() {
    let pool = limited(1);
    let app = Router::new().route("/", post(|| async { vec![b'x'; 1_000_000] }));
    let addr = start(app, |server| server.pool(&pool)).await;
    for _ in 0..20 {
        let mut client = Raw::connect(addr).await;
        let head = "POST / HTTP/1.1\r\nhost: user\r\ncontent-length: 3000000\r\n\r\n";
        client.send(head).await;
        client.keep_sending(vec![b'x'; 3_000_000]);
        let response = client.response().await;
        assert!(response.closes());
        assert_eq!(response.body.len(), 1_000_000);
    }
}

#[tokio::test]
async fn reqwest_makes_a_new_connection_after_n_requests_on_http1_and_http2() {
    let pool = limited(2);
    let http1 = reqwest::Client::builder().no_proxy();
    let http2 = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge();
    for (client, version) in [
        (http1, http::Version::HTTP_11),
        (http2, http::Version::HTTP_2),
    ] {
        let (addr, accepted) = start_counting(app(), &pool).await;
        let client = client.build().unwrap();
        for n in 1..=6_usize {
            let response = within(client.get(format!("http://{addr}/user")).send());
            let response = response.await.unwrap();
            assert_eq!(response.version(), version);
            assert_eq!(within(response.text()).await.unwrap(), "Kevin");
            let accepted = accepted.load(Ordering::Relaxed);
            assert_eq!(accepted, n.div_ceil(2), "{version:?}, request {n}");
        }
    }
}

#[tokio::test]
async fn bodies_pass_through_unchanged() {
    let app = Router::new().route(
        "/",
        get(async || {
            let trailers = async {
                let mut trailers = http::HeaderMap::new();
                trailers.insert("x-last", http::HeaderValue::from_static("word"));
                Some(Ok::<_, Infallible>(trailers))
            };
            Body::new(Full::new(bytes::Bytes::from("Kevin")).with_trailers(trailers))
        }),
    );
    let addr = start(app, |server| server).await;
    let socket = TcpStream::connect(addr).await.unwrap();
    let (mut client, connection) =
        hyper::client::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new())
            .handshake(TokioIo::new(socket))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get(format!("http://{addr}/"))
        .body(Empty::<bytes::Bytes>::new())
        .unwrap();
    let response = within(client.send_request(request)).await.unwrap();
    let body = within(response.collect()).await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-last"], "word");
    assert_eq!(body.to_bytes(), "Kevin");
}
