//! [`Entry`]: the application, as hyper calls it for one connection.

use std::sync::Arc;

use http::{Extensions, Request};
use hyper::body::Incoming;
use hyper_util::service::{TowerToHyperService, TowerToHyperServiceFuture};
use tower_service::Service;

/// Puts what is to be known of the connection into a request's extensions.
pub(super) type Insert = Arc<dyn Fn(&mut Extensions) + Send + Sync>;

/// The application, and what each request of this connection is given on its way in.
pub(super) struct Entry<A> {
    app: TowerToHyperService<A>,
    insert: Option<Insert>,
}

impl<A> Entry<A> {
    pub(super) fn new(app: A, insert: Option<Insert>) -> Self {
        Self {
            app: TowerToHyperService::new(app),
            insert,
        }
    }
}

impl<A> hyper::service::Service<Request<Incoming>> for Entry<A>
where
    A: Service<Request<Incoming>> + Clone,
{
    type Response = A::Response;
    type Error = A::Error;
    type Future = TowerToHyperServiceFuture<A, Request<Incoming>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        if let Some(insert) = &self.insert {
            insert(request.extensions_mut());
        }
        self.app.call(request)
    }
}
