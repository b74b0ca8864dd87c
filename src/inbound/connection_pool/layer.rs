use tower_layer::Layer;

use super::ConnectionPool;
use crate::http::MapBodyLayer;
use crate::inbound::pool::{InboundPool, PoolHandle, SharedPool};

/// Limits active and pending requests of an HTTP service. See the [module](super).
///
/// All services it makes, and all layers of the same [`InboundPool`], share one limit.
#[derive(Clone, Debug)]
pub struct ConnectionPoolLayer<H: PoolHandle = SharedPool> {
    pool: InboundPool<H>,
}

impl<H: PoolHandle> ConnectionPoolLayer<H> {
    /// The layer of a pool; the same as [`InboundPool::layer`].
    pub fn new(pool: InboundPool<H>) -> Self {
        Self { pool }
    }

    /// Passes the response bodies through a function, to give them another type.
    ///
    /// ```no_run
    /// use axum::{Router, ServiceExt, body::Body, extract::Request, routing::get};
    /// use meshpool::{InboundPool, Limits};
    /// use tower::Layer;
    ///
    /// # async fn run() -> std::io::Result<()> {
    /// let pool = InboundPool::new(Limits::new().max_requests(100));
    /// let app = Router::new().route("/user", get(|| async { "Kevin" }));
    /// let app = pool.layer().map_body(Body::new).layer(app); // around the whole router
    ///
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// axum::serve(listener, ServiceExt::<Request>::into_make_service(app)).await
    /// # }
    /// ```
    pub fn map_body<F>(self, map: F) -> MapBodyLayer<Self, F> {
        MapBodyLayer::new(self, map)
    }
}

impl<S, H: PoolHandle> Layer<S> for ConnectionPoolLayer<H> {
    type Service = ConnectionPool<S, H>;

    fn layer(&self, inner: S) -> Self::Service {
        ConnectionPool::new(inner, self.pool.clone())
    }
}
