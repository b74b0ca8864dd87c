//! HTTP/1 in all its forms, connectors, and what is negotiated.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, Version};
use http_body_util::{BodyExt, Empty, Full};
use hyper::service::service_fn;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use meshpool::Limits;
use meshpool::limits::{Destination, Scheme};
use meshpool::outbound::{Client, ErrorKind, UnixConnector};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tower::Service;

use crate::support::{
    Pool, builder, client, get, http2_client, nothing_is_left, outcome, request, spawn, stats,
    text, until, within,
};
use crate::upstream::{Upstream, bind};

/// What a client with a fresh pool does with this answer to this request: whether it keeps the
/// connection.
async fn keeps_after(method: Method, answer: &'static str) -> bool {
    let (listener, addr) = bind().await;
    let mut client = client(Limits::new());
    let mut request = request(addr, "/");
    *request.method_mut() = method;
    let one = tokio::spawn(client.call(request));
    let (mut socket, _) = within(listener.accept()).await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        within(socket.read_buf(&mut read)).await.unwrap();
    }
    socket.write_all(answer.as_bytes()).await.unwrap();
    let response = within(one).await.unwrap().unwrap();
    assert!(response.status().is_success());
    within(text(response)).await.unwrap();
    until(|| stats(&client, addr).rq_active == 0).await;

    // Either it sends the next one here, or it has closed.
    let next = spawn(&client, addr, "/next");
    read.clear();
    let kept = within(socket.read_buf(&mut read)).await.unwrap() > 0;
    next.abort();
    drop((socket, listener));
    nothing_is_left(&client).await;
    kept
}

#[tokio::test]
async fn responses_without_a_body_end_with_their_head() {
    for (method, answer) in [
        (Method::HEAD, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
        (Method::GET, "HTTP/1.1 204 No Content\r\n\r\n"),
        (Method::GET, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        (
            Method::GET,
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        ),
        (
            Method::GET,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-b: c\r\n\r\n",
        ),
        (
            Method::GET,
            "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n",
        ),
    ] {
        assert!(keeps_after(method, answer).await, "{answer}");
    }
}

#[tokio::test]
async fn a_response_that_says_close_ends_its_connection() {
    for answer in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nKevin",
        "HTTP/1.1 204 No Content\r\nConnection: x, Close\r\n\r\n",
        "HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nKevin",
    ] {
        assert!(!keeps_after(Method::GET, answer).await, "{answer}");
    }
}

#[tokio::test]
async fn a_304_has_no_body_whatever_its_length_says() {
    let (listener, addr) = bind().await;
    let client = client(Limits::new());
    let one = tokio::spawn(get(&client, addr, "/"));
    let (mut socket, _) = within(listener.accept()).await.unwrap();
    let mut read = [0; 1024];
    within(socket.read(&mut read)).await.unwrap();
    let answer = "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n";
    socket.write_all(answer.as_bytes()).await.unwrap();
    let response = within(one).await.unwrap().unwrap();
    assert_eq!(response.status(), 304);
    until(|| stats(&client, addr).rq_active == 0).await;
    drop((response, socket));
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_body_without_a_length_ends_with_its_connection() {
    let (listener, addr) = bind().await;
    let client = client(Limits::new().max_connections(1));
    let one = spawn(&client, addr, "/");
    let (mut socket, _) = within(listener.accept()).await.unwrap();
    let mut read = [0; 1024];
    within(socket.read(&mut read)).await.unwrap();
    socket
        .write_all(b"HTTP/1.1 200 OK\r\n\r\nKevin")
        .await
        .unwrap();
    drop(socket);
    assert_eq!(outcome(one).await.unwrap(), "Kevin");
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn an_upgraded_connection_keeps_its_slot_and_its_request_until_it_is_dropped() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let mut client = client(Limits::new().max_connections(1));
    let mut request = request(addr, "/upgrade");
    request
        .headers_mut()
        .insert("connection", "upgrade".parse().unwrap());
    request
        .headers_mut()
        .insert("upgrade", "echo".parse().unwrap());
    let one = tokio::spawn(client.call(request));
    let mut arrival = upstream.expect("/upgrade").await;
    let server = hyper::upgrade::on(&mut arrival.request);
    let answer = Response::builder()
        .status(101)
        .header("connection", "upgrade")
        .header("upgrade", "echo")
        .body(Empty::new().boxed());
    arrival.answer_with(answer.unwrap());
    let mut response = within(one).await.unwrap().unwrap();
    let upgraded = within(hyper::upgrade::on(&mut response)).await.unwrap();
    drop(response);

    let next = spawn(&client, addr, "/next");
    let mut tunnel = TokioIo::new(upgraded);
    let mut server = TokioIo::new(within(server).await.unwrap());
    within(tunnel.write_all(b"ping")).await.unwrap();
    let mut read = [0; 4];
    within(server.read_exact(&mut read)).await.unwrap();
    assert_eq!(&read, b"ping");
    let load = stats(&client, addr);
    assert_eq!(
        (load.rq_active, load.rq_pending_active, load.cx_active),
        (1, 1, 1)
    );
    assert_eq!(upstream.total(), 1);

    drop((tunnel, server));
    let arrival = upstream.expect("/next").await;
    assert_eq!(arrival.connection, 1);
    arrival.answer("");
    outcome(next).await.unwrap();
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn a_tunnel_through_http2_is_active_until_its_responses_body_is_dropped() {
    let mut upstream = Upstream::http2().await;
    let addr = upstream.addr;
    let limits = Limits::new().max_requests(1).max_requests_per_connection(1);
    let mut client = http2_client(limits);
    let mut request = request(addr, "/");
    *request.method_mut() = Method::CONNECT;
    let one = tokio::spawn(client.call(request));
    let mut arrival = upstream.next().await;
    assert_eq!(arrival.request.method(), Method::CONNECT);
    let server = hyper::upgrade::on(&mut arrival.request);
    arrival.answer("");
    let mut response = within(one).await.unwrap().unwrap();
    let tunnel = within(hyper::upgrade::on(&mut response)).await.unwrap();
    let mut body = response.into_body();
    assert!(body.frame().await.is_none(), "there is none");

    let refused = outcome(spawn(&client, addr, "/")).await;
    assert!(
        matches!(refused, Err(ErrorKind::Overflow(_))),
        "{refused:?}"
    );
    let (mut tunnel, mut server) = (
        TokioIo::new(tunnel),
        TokioIo::new(within(server).await.unwrap()),
    );
    within(tunnel.write_all(b"ping")).await.unwrap();
    let mut read = [0; 4];
    within(server.read_exact(&mut read)).await.unwrap();
    assert_eq!(&read, b"ping");
    assert_eq!(stats(&client, addr).rq_active, 1);

    drop((tunnel, server));
    drop(body);
    assert_eq!(stats(&client, addr).rq_active, 0, "at once");
    assert_eq!(stats(&client, addr).counters.rq_tx_reset, 0);
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn the_host_is_the_callers_or_else_the_uris() {
    let mut upstream = Upstream::http1().await;
    let addr = upstream.addr;
    let mut client = client(Limits::new());
    let one = spawn(&client, addr, "/a?b=c");
    let arrival = upstream.next().await;
    assert_eq!(arrival.request.headers()["host"], addr.to_string());
    assert_eq!(arrival.request.uri(), "/a?b=c");
    arrival.answer("");
    outcome(one).await.unwrap();

    let mut with_host = request(addr, "/");
    with_host
        .headers_mut()
        .insert("host", "user".parse().unwrap());
    let one = tokio::spawn(client.call(with_host));
    let arrival = upstream.next().await;
    assert_eq!(arrival.request.headers()["host"], "user");
    arrival.answer("");
    within(one).await.unwrap().unwrap();
    nothing_is_left(&client).await;
}

#[tokio::test]
async fn whatever_version_a_request_says_is_sent_as_what_its_connection_speaks() {
    for is_http2 in [false, true] {
        let mut upstream = Upstream::start(is_http2).await;
        let addr = upstream.addr;
        let mut client = builder(is_http2).build(HttpConnector::new());
        for version in [
            Version::HTTP_09,
            Version::HTTP_10,
            Version::HTTP_11,
            Version::HTTP_2,
            Version::HTTP_3,
        ] {
            let mut request = request(addr, "/");
            *request.version_mut() = version;
            let one = tokio::spawn(client.call(request));
            let arrival = upstream.next().await;
            let sent = match (is_http2, version) {
                (true, _) => Version::HTTP_2,
                (false, Version::HTTP_10) => Version::HTTP_10,
                (false, _) => Version::HTTP_11,
            };
            assert_eq!(arrival.request.version(), sent, "{version:?}");
            arrival.answer("");
            let response = within(one).await.unwrap().unwrap();
            within(text(response)).await.unwrap();
        }
        nothing_is_left(&client).await;
    }
}

#[tokio::test]
async fn a_unix_socket_is_a_destination_like_any_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("user.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
            let host = request.headers()["host"].to_str().unwrap().to_owned();
            Ok::<_, io::Error>(Response::new(Full::new(Bytes::from(host))))
        });
        let connection = hyper::server::conn::http1::Builder::new();
        connection
            .serve_connection(TokioIo::new(socket), service)
            .await
    });
    let mut client: Pool = Client::builder().build(UnixConnector::new(&path));
    for _ in 0..2 {
        let request = Request::get("http://user/").body(Full::default()).unwrap();
        let response = within(client.call(request)).await.unwrap();
        assert_eq!(within(text(response)).await.unwrap(), "user");
    }
    let user = Destination::new(Scheme::Http, "user", 80);
    assert_eq!(client.stats(&user).unwrap().counters.cx_total, 1);
    nothing_is_left(&client).await;

    let mut client: Pool = Client::builder().build(UnixConnector::new(path.join("not")));
    let request = Request::get("http://user/").body(Full::default()).unwrap();
    let error = within(client.call(request)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectFailed);
}

// === TLS ===

/// A server that speaks one of these, and a client that offers both.
async fn tls(server_alpn: &[&[u8]], is_trusted: bool) -> (Pool, u16) {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from(issued.cert);
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    config.alpn_protocols = server_alpn.iter().map(|it| it.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (listener, addr) = bind().await;
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(socket).await else {
                    return;
                };
                let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
                    let version = format!("{:?}", request.version());
                    Ok::<_, io::Error>(Response::new(Full::new(Bytes::from(version))))
                });
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    let mut roots = RootCertStore::empty();
    if is_trusted {
        roots.add(certificate).unwrap();
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_only()
        .enable_all_versions()
        .build();
    (Client::builder().build(connector), addr.port())
}

fn over_tls(client: &Pool, port: u16) -> meshpool::outbound::ResponseFuture {
    let request = Request::get(format!("https://localhost:{port}/")).body(Full::default());
    client.clone().call(request.unwrap())
}

#[tokio::test]
async fn over_tls_the_handshake_settles_the_protocol() {
    for (alpn, version, connections) in [
        (&[b"h2" as &[u8], b"http/1.1"] as &[&[u8]], "HTTP/2.0", 1),
        (&[b"http/1.1"], "HTTP/1.1", 3),
        (&[], "HTTP/1.1", 3),
    ] {
        let (client, port) = tls(alpn, true).await;
        let all = futures::future::join_all((0..3).map(|_| over_tls(&client, port)));
        let all = within(all).await;
        let localhost = Destination::new(Scheme::Https, "localhost", port);
        let counters = client.stats(&localhost).unwrap().counters;
        assert_eq!(counters.cx_total, connections, "{version}");
        for response in all {
            assert_eq!(within(text(response.unwrap())).await.unwrap(), version);
        }
        nothing_is_left(&client).await;
    }
}

#[tokio::test]
async fn a_failed_handshake_is_a_failed_connect() {
    let (client, port) = tls(&[], false).await;
    let error = within(over_tls(&client, port)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectFailed);
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("UnknownIssuer"), "{why}");
    nothing_is_left(&client).await;
}
