//! [`MapBodyLayer`]: gives the response bodies of a layer another type.
//!
//! `axum::serve` wants its own body type around the whole router; this turns ours into it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// A layer whose response bodies are passed through a function. Made by
/// [`ConnectionPoolLayer::map_body`](crate::inbound::ConnectionPoolLayer::map_body).
#[derive(Clone)]
pub struct MapBodyLayer<L, F> {
    layer: L,
    map: F,
}

/// The [`Service`] of [`MapBodyLayer`].
#[derive(Clone)]
pub struct MapBody<S, F> {
    inner: S,
    map: F,
}

pin_project! {
    /// The future of [`MapBody`].
    pub struct ResponseFuture<T, F> {
        #[pin]
        future: T,
        map: F,
    }
}

impl<L, F> MapBodyLayer<L, F> {
    pub(crate) fn new(layer: L, map: F) -> Self {
        Self { layer, map }
    }
}

impl<S, L: Layer<S>, F: Clone> Layer<S> for MapBodyLayer<L, F> {
    type Service = MapBody<L::Service, F>;

    fn layer(&self, inner: S) -> Self::Service {
        MapBody {
            inner: self.layer.layer(inner),
            map: self.map.clone(),
        }
    }
}

impl<S, F, A, B, C> Service<Request<A>> for MapBody<S, F>
where
    S: Service<Request<A>, Response = Response<B>>,
    F: FnMut(B) -> C + Clone,
{
    type Response = Response<C>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, F>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        ResponseFuture {
            future: self.inner.call(request),
            map: self.map.clone(),
        }
    }
}

impl<T, F, B, C, E> Future for ResponseFuture<T, F>
where
    T: Future<Output = Result<Response<B>, E>>,
    F: FnMut(B) -> C,
{
    type Output = Result<Response<C>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(cx))?;
        Poll::Ready(Ok(response.map(this.map)))
    }
}

impl<L: fmt::Debug, F> fmt::Debug for MapBodyLayer<L, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapBodyLayer")
            .field("layer", &self.layer)
            .finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, F> fmt::Debug for MapBody<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapBody")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<T: fmt::Debug, F> fmt::Debug for ResponseFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("future", &self.future)
            .finish_non_exhaustive()
    }
}
