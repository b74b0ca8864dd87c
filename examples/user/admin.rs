//! What operators ask: metrics, numbers, health. It listens on an address of its own, so that
//! overload cannot shut it out.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use meshpool::admission;
use meshpool::istio::explain::Load;
use meshpool::telemetry::metrics::PoolMetrics;
use meshpool::{InboundPool, Limits};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;

use crate::explain;
use crate::rules::Followed;

#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) pool: InboundPool,
    pub(crate) rules: Followed,
    pub(crate) pool_metrics: PoolMetrics,
    pub(crate) prometheus: PrometheusHandle,
}

/// `/stats`: the pool's numbers of one instant, and the rules'.
#[derive(Serialize)]
struct Stats {
    limits: Limits,
    #[serde(flatten)]
    pool: admission::Stats,
    /// How often the rules in force changed, by an edit or a deletion.
    rule_updates: u64,
    /// How often a file, or an object, was not valid.
    rule_rejects: u64,
    /// How often the limits that the rules set became others.
    limit_changes: u64,
}

pub(crate) fn routes(admin: Admin) -> Router {
    let explained = admin.clone();
    Router::new()
        .merge(explain::routes(move || {
            let mut explanation = explained.rules.explanation();
            explanation.enforced = !explained.pool.stats().observing;
            (explanation, load(&explained.pool))
        }))
        .route("/metrics", get(metrics))
        .route("/stats", get(stats))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(admin)
}

/// The pool's numbers of one instant, for `/explain`.
fn load(pool: &InboundPool) -> Load {
    let stats = pool.stats();
    let mut load = Load::default();
    load.active = stats.active.into();
    load.max_requests = stats.max_requests;
    load.pending = stats.pending.into();
    load.max_pending_requests = stats.max_pending_requests;
    load.refused = stats.overflowed.total() + stats.would_overflow;
    load.admitted = stats.admitted;
    load
}

async fn metrics(State(admin): State<Admin>) -> String {
    admin.pool_metrics.record();
    if let Some(metrics) = admin.rules.metrics() {
        metrics.record();
    }
    admin.prometheus.render()
}

async fn stats(State(admin): State<Admin>) -> Json<Stats> {
    Json(Stats {
        limits: admin.pool.limits(),
        pool: admin.pool.stats(),
        rule_updates: admin.rules.updates(),
        rule_rejects: admin.rules.rejects(),
        limit_changes: admin.rules.limit_changes(),
    })
}

/// Takes the instance out of the load balancer while it cannot take more, or is on its way out. It
/// is for several instances: one alone, out of it, leaves nobody to ask.
async fn ready(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if admin.pool.is_closed() {
        (StatusCode::SERVICE_UNAVAILABLE, "closing\n")
    } else if admin.pool.is_saturated() {
        (StatusCode::SERVICE_UNAVAILABLE, "saturated\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}
