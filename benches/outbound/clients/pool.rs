//! hyper-util's `client::pool`, composed as its documentation has it: a map by authority, of caches
//! of connections for HTTP/1 and of single connections for HTTP/2.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::client::pool::{cache, map::Map, singleton::Singleton};
use hyper_util::rt::TokioExecutor;
use tower::{Service, ServiceExt, service_fn};

use super::{Get, connector, read};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Body = Empty<Bytes>;

/// The parts have no names.
#[derive(Clone)]
struct Composed<F>(F);

impl<F, Fut> Get for Composed<F>
where
    F: Fn(Uri) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = usize> + Send,
{
    async fn get(&self, uri: Uri) -> usize {
        (self.0)(uri).await
    }
}

pub(crate) fn over_http1() -> impl Get {
    let connect = service_fn(|uri: Uri| {
        Connecting(Box::pin(async move {
            let socket = connector().oneshot(uri).await.map_err(io::Error::other)?;
            let (sender, connection) = http1::handshake(socket).await.map_err(io::Error::other)?;
            tokio::spawn(connection);
            Ok(Http1(sender))
        }))
    });
    let map = Map::builder::<Uri>()
        .keys(|uri| uri.authority().cloned())
        .values(move |_| {
            cache::builder()
                .executor(TokioExecutor::new())
                .build(connect)
        })
        .build();
    let map = Arc::new(Mutex::new(map));
    Composed(move |uri: Uri| {
        let cache = map.lock().unwrap().service(&uri).clone();
        async move {
            let authority = uri.authority().expect("where to").as_str();
            let mut request = Request::new(Body::new());
            let host = HeaderValue::from_str(authority).expect("a host");
            request.headers_mut().insert(HOST, host);
            *request.uri_mut() = uri.path_and_query().expect("a path").clone().into();
            let mut connection = cache.oneshot(uri).await.expect("a connection");
            let ready = connection.ready().await.expect("it is alive");
            let response = ready.call(request).await.expect("a response");
            // The connection goes back into the cache after that.
            read(response.into_body()).await
        }
    })
}

pub(crate) fn over_http2() -> impl Get {
    let connect = service_fn(|uri: Uri| {
        Connecting(Box::pin(async move {
            let socket = connector().oneshot(uri).await.map_err(io::Error::other)?;
            let shaken = http2::handshake(TokioExecutor::new(), socket).await;
            let (sender, connection) = shaken.map_err(io::Error::other)?;
            tokio::spawn(connection);
            Ok(Http2(sender))
        }))
    });
    let map = Map::builder::<Uri>()
        .keys(|uri| uri.authority().cloned())
        .values(move |_| Singleton::new(connect))
        .build();
    let map = Arc::new(Mutex::new(map));
    Composed(move |uri: Uri| {
        let single = map.lock().unwrap().service(&uri).clone();
        async move {
            let mut request = Request::new(Body::new());
            *request.uri_mut() = uri.clone();
            let mut connection = single.oneshot(uri).await.expect("a connection");
            let ready = connection.ready().await.expect("it is alive");
            let response = ready.call(request).await.expect("a response");
            read(response.into_body()).await
        }
    })
}

/// A connect. It has a name so that the compiler finds the futures around it to be `Send`.
struct Connecting<T>(BoxFuture<io::Result<T>>);

impl<T> Future for Connecting<T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.0.as_mut().poll(cx)
    }
}

struct Http1(http1::SendRequest<Body>);

#[derive(Clone)]
struct Http2(http2::SendRequest<Body>);

impl Service<Request<Body>> for Http1 {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = BoxFuture<hyper::Result<Response<Incoming>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

impl Service<Request<Body>> for Http2 {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = BoxFuture<hyper::Result<Response<Incoming>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
