//! What operators ask. It listens on an address of its own, so that overload cannot shut it out.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use crate::explain;
use crate::stats::Numbers;

pub(crate) fn routes(numbers: Arc<Numbers>) -> Router {
    let explained = numbers.clone();
    Router::new()
        .merge(explain::routes(move || explained.explained()))
        .route("/stats", get(stats))
        .route("/clusters", get(clusters))
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .with_state(numbers)
}

async fn stats(State(numbers): State<Arc<Numbers>>) -> String {
    numbers.text()
}

async fn clusters(State(numbers): State<Arc<Numbers>>) -> String {
    numbers.limits()
}

async fn metrics(State(numbers): State<Arc<Numbers>>) -> String {
    numbers.prometheus()
}
