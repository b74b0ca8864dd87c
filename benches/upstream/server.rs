//! A server that costs next to nothing, so that what is measured is what is in front of it.
//!
//! HTTP/1 is not parsed: whatever ends with an empty line is a request, and is answered with bytes
//! that were prepared. HTTP/2 is hyper's. A request for [`HELD`] is never answered.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::thread;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;

/// The path of requests that have to wait until their client leaves.
const HELD: &str = "/held";

/// More than anybody here has in flight.
const MAX_STREAMS: u32 = 1000;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) http1: SocketAddr,
    pub(crate) http2: SocketAddr,
}

/// Serves this body from a thread of its own, as long as the process lives.
pub(crate) fn start(body: Bytes) -> Addresses {
    let (started, addresses) = channel();
    thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let http1 = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let http2 = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let addresses = Addresses {
                http1: http1.local_addr().expect("its address"),
                http2: http2.local_addr().expect("its address"),
            };
            started.send(addresses).expect("somebody waits for it");
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            let response = Bytes::from([head.as_bytes(), &body].concat());
            tokio::join!(
                accept(http1, |socket| serve_http1(socket, response.clone())),
                accept(http2, |socket| serve_http2(socket, body.clone())),
            )
        })
    });
    addresses.recv().expect("it starts")
}

async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    loop {
        let (socket, _) = listener.accept().await.expect("a connection");
        socket.set_nodelay(true).expect("a socket");
        // Clients leave as they like.
        tokio::spawn(serve(socket));
    }
}

async fn serve_http1(mut socket: TcpStream, response: Bytes) -> io::Result<()> {
    const END: &[u8] = b"\r\n\r\n";

    let held = format!("GET {HELD} ");
    let mut received = Vec::with_capacity(16 * 1024);
    while socket.read_buf(&mut received).await? > 0 {
        while let Some(end) = received.windows(END.len()).position(|part| part == END) {
            let is_held = received.starts_with(held.as_bytes());
            received.drain(..end + END.len());
            if !is_held {
                socket.write_all(&response).await?;
            }
        }
    }
    Ok(())
}

async fn serve_http2(socket: TcpStream, body: Bytes) -> io::Result<()> {
    let service = service_fn(move |request: Request<Incoming>| {
        let body = body.clone();
        async move {
            if request.uri().path() == HELD {
                std::future::pending::<()>().await;
            }
            Ok::<_, Infallible>(Response::new(Full::new(body)))
        }
    });
    let served = http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(MAX_STREAMS)
        .serve_connection(TokioIo::new(socket), service)
        .await;
    served.map_err(io::Error::other)
}
