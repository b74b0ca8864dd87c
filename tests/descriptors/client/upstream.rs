//! [`Upstream`]: a server that does to each request whatever comes to its mind.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::iter;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet, yield_now};
use tokio::time::sleep;

use super::random::Random;

type Body = UnsyncBoxBody<Bytes, io::Error>;

pub(super) struct Upstream {
    pub(super) port: u16,
    task: JoinHandle<()>,
}

impl Upstream {
    /// Listens on every address.
    pub(super) async fn start(is_http2: bool, mut random: Random) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            // Aborted with its owner.
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                if random.one_in(30) {
                    continue;
                }
                connections.spawn(serve(socket, is_http2, random.fork()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { port, task }
    }

    pub(super) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn serve(socket: TcpStream, is_http2: bool, mut random: Random) {
    let is_abrupt = random.one_in(2);
    let random = Mutex::new(random);
    let end = Arc::new(Notify::new());
    let service = service_fn(|request| {
        let random = random.lock().unwrap().fork();
        answer(request, random, end.clone())
    });
    let io = TokioIo::new(socket);
    if is_http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_concurrent_streams(5);
        let mut connection = pin!(builder.serve_connection(io, service));
        tokio::select! {
            _ = connection.as_mut() => return,
            () = end.notified() => {}
        }
        if !is_abrupt {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    } else {
        let mut connection = pin!(http1::Builder::new().serve_connection(io, service));
        tokio::select! {
            _ = connection.as_mut() => return,
            () = end.notified() => {}
        }
        if !is_abrupt {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    mut random: Random,
    end: Arc<Notify>,
) -> io::Result<Response<Body>> {
    if random.one_in(3) {
        sleep(Duration::from_millis(random.below(4))).await;
    }
    if !random.one_in(4) {
        // Others are not read.
        let _ = request.into_body().collect().await;
    }
    let mut response = Response::new(parts(random.below(4), false));
    match random.below(24) {
        0 | 1 => return Err(io::Error::other("no answer")),
        2 => end.notify_one(),
        3 => {
            end.notify_one();
            std::future::pending::<()>().await;
        }
        4 => std::future::pending::<()>().await,
        5 | 6 => *response.body_mut() = parts(2, true),
        7 => {
            let close = "close".parse().unwrap();
            response.headers_mut().insert("connection", close);
        }
        8..10 => *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE,
        _ => {}
    }
    Ok(response)
}

/// A body of so many parts, which may fail after them.
fn parts(count: u64, fails: bool) -> Body {
    if count == 0 {
        let whole = Full::from("whole").map_err(|never| match never {});
        return whole.boxed_unsync();
    }
    let mut parts: Vec<_> = (0..count)
        .map(|_| Ok(Frame::data(Bytes::from_static(b"part"))))
        .collect();
    if fails {
        parts.push(Err(io::Error::other("no more")));
    }
    // Each is sent before the next comes.
    let parts = iter(parts).then(|part| async {
        yield_now().await;
        part
    });
    BodyExt::boxed_unsync(StreamBody::new(parts))
}
