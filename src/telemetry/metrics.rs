//! Export through the `metrics` facade.
//!
//! [`PoolMetrics::record`] hands a pool's [`stats`](InboundPool::stats) to the recorder that is
//! installed; the application calls it whenever it is scraped. All metrics carry the label `pool`,
//! the pool's [name](crate::inbound::Builder::name):
//!
//! | name | kind | unit | what |
//! |---|---|---|---|
//! | `meshpool_active_requests` | gauge | | requests that hold a slot |
//! | `meshpool_pending_requests` | gauge | | requests that wait for one |
//! | `meshpool_max_requests` | gauge | | the limit on active requests; `+Inf` is unlimited |
//! | `meshpool_max_pending_requests` | gauge | | the limit on pending requests; `+Inf` is unlimited |
//! | `meshpool_uncounted_requests` | gauge | | requests that run beyond all limits, because the pool only observes |
//! | `meshpool_observing` | gauge | | 1 while the pool only observes |
//! | `meshpool_closed` | gauge | | 1 once the pool was closed |
//! | `meshpool_peak_active_requests` | gauge | | the most that were active at once |
//! | `meshpool_peak_pending_requests` | gauge | | the most that were pending at once |
//! | `meshpool_oldest_waiter_seconds` | gauge | seconds | how long the first in the queue has waited; 0 if nobody waits |
//! | `meshpool_admitted_requests_total` | counter | | requests admitted, if [counted](crate::inbound::Builder::count_admitted) |
//! | `meshpool_queued_requests_total` | counter | | requests that had to wait |
//! | `meshpool_overflowed_requests_total` | counter | | requests refused, with the label `reason`: `max_requests`, `max_pending_requests` or `closed` |
//! | `meshpool_would_overflow_requests_total` | counter | | requests that would have been refused, had the pool not only observed |
//! | `meshpool_cancelled_requests_total` | counter | | requests that left the queue because nobody wanted the answer any more |
//! | `meshpool_timed_out_requests_total` | counter | | requests that left the queue because their time was up |
//! | `meshpool_request_wait_seconds` | histogram | seconds | how long a request waited; recorded when it waits no longer, and not by [`record`](PoolMetrics::record) |
//!
//! `RulesMetrics::record`, with the feature `istio`, does the same for rules, with the label `rules`,
//! their name:
//!
//! | name | kind | unit | what |
//! |---|---|---|---|
//! | `meshpool_rules_changes_total` | counter | | how often what is in force changed |
//! | `meshpool_rules_updates_total` | counter | | how often a source was put and accepted |
//! | `meshpool_rules_rejects_total` | counter | | how often a source was rejected, or could not be read |
//! | `meshpool_rules_removals_total` | counter | | how often a source went away |
//! | `meshpool_rules_limit_changes_total` | counter | | how often limits became others than before |
//!
//! The counters are absolute, so it does no harm to record a pool twice. Envoy's names for the same
//! are `upstream_rq_active`, `upstream_rq_pending_active`, `upstream_rq_pending_overflow` and so on,
//! for each cluster.
//!
//! ```
//! use meshpool::telemetry::metrics::PoolMetrics;
//! use meshpool::{InboundPool, Limits};
//! use metrics_exporter_prometheus::PrometheusBuilder;
//!
//! let prometheus = PrometheusBuilder::new().install_recorder().unwrap();
//! let pool = InboundPool::new(Limits::new().max_requests(100));
//! let metrics = PoolMetrics::new(pool);
//!
//! let scrape = move || {
//!     metrics.record();
//!     prometheus.render()
//! };
//! assert!(scrape().contains("meshpool_max_requests{pool=\"inbound\"} 100"));
//! ```

#[cfg(feature = "istio")]
mod rules;

use std::time::Duration;

use ::metrics::{
    Key, Label, Level, Metadata, Unit, counter, describe_counter, describe_gauge,
    describe_histogram, gauge, with_recorder,
};

#[cfg(feature = "istio")]
#[cfg_attr(docsrs, doc(cfg(feature = "istio")))]
pub use self::rules::RulesMetrics;
use crate::InboundPool;
use crate::inbound::{PoolHandle, SharedPool};

const WAIT: &str = "meshpool_request_wait_seconds";

/// Hands what a pool counts to the `metrics` facade. See the [module](self) for the names.
#[derive(Clone, Debug)]
pub struct PoolMetrics<H: PoolHandle = SharedPool> {
    pool: InboundPool<H>,
}

impl<H: PoolHandle> PoolMetrics<H> {
    /// The metrics of a pool.
    pub fn new(pool: InboundPool<H>) -> Self {
        Self { pool }
    }

    /// Describes and records everything there is at this instant, to the recorder that is
    /// installed. Call it when the metrics are about to be read; it takes the pool's lock for a
    /// moment.
    pub fn record(&self) {
        describe();
        let name = self.pool.state().name().to_owned();
        let stats = self.pool.stats();
        let gauges = [
            ("meshpool_active_requests", stats.active.into()),
            ("meshpool_pending_requests", stats.pending.into()),
            ("meshpool_max_requests", limit(stats.max_requests)),
            (
                "meshpool_max_pending_requests",
                limit(stats.max_pending_requests),
            ),
            ("meshpool_uncounted_requests", stats.uncounted.into()),
            ("meshpool_observing", u8::from(stats.observing).into()),
            ("meshpool_closed", u8::from(stats.closed).into()),
            ("meshpool_peak_active_requests", stats.peak_active.into()),
            ("meshpool_peak_pending_requests", stats.peak_pending.into()),
            (
                "meshpool_oldest_waiter_seconds",
                stats.oldest_waiter.unwrap_or_default().as_secs_f64(),
            ),
        ];
        for (metric, value) in gauges {
            gauge!(metric, "pool" => name.clone()).set(value);
        }
        let counters = [
            ("meshpool_queued_requests_total", stats.queued),
            (
                "meshpool_would_overflow_requests_total",
                stats.would_overflow,
            ),
            ("meshpool_cancelled_requests_total", stats.cancelled),
            ("meshpool_timed_out_requests_total", stats.timed_out),
        ];
        let admitted = stats
            .admitted
            .map(|admitted| ("meshpool_admitted_requests_total", admitted));
        for (metric, value) in counters.into_iter().chain(admitted) {
            counter!(metric, "pool" => name.clone()).absolute(value);
        }
        let overflowed = stats.overflowed;
        for (reason, value) in [
            ("max_requests", overflowed.max_requests),
            ("max_pending_requests", overflowed.max_pending_requests),
            ("closed", overflowed.closed),
        ] {
            let labels = [("pool", name.clone()), ("reason", reason.to_owned())];
            counter!("meshpool_overflowed_requests_total", &labels).absolute(value);
        }
    }
}

fn limit(limit: Option<u32>) -> f64 {
    limit.map_or(f64::INFINITY, f64::from)
}

fn describe() {
    for (name, text) in [
        ("meshpool_active_requests", "Requests that hold a slot"),
        ("meshpool_pending_requests", "Requests that wait for a slot"),
        ("meshpool_max_requests", "The limit on active requests"),
        (
            "meshpool_max_pending_requests",
            "The limit on pending requests",
        ),
        (
            "meshpool_uncounted_requests",
            "Requests that run beyond all limits, because the pool only observes",
        ),
        ("meshpool_observing", "1 while the pool only observes"),
        ("meshpool_closed", "1 once the pool was closed"),
        (
            "meshpool_peak_active_requests",
            "The most requests that were active at once",
        ),
        (
            "meshpool_peak_pending_requests",
            "The most requests that were pending at once",
        ),
    ] {
        describe_gauge!(name, Unit::Count, text);
    }
    describe_gauge!(
        "meshpool_oldest_waiter_seconds",
        Unit::Seconds,
        "How long the first in the queue has waited"
    );
    for (name, text) in [
        ("meshpool_admitted_requests_total", "Requests admitted"),
        (
            "meshpool_queued_requests_total",
            "Requests that had to wait",
        ),
        ("meshpool_overflowed_requests_total", "Requests refused"),
        (
            "meshpool_would_overflow_requests_total",
            "Requests that would have been refused, had the pool not only observed",
        ),
        (
            "meshpool_cancelled_requests_total",
            "Requests cancelled while they waited",
        ),
        (
            "meshpool_timed_out_requests_total",
            "Requests whose time was up while they waited",
        ),
    ] {
        describe_counter!(name, Unit::Count, text);
    }
    describe_histogram!(WAIT, Unit::Seconds, "How long requests waited for a slot");
}

/// Reports the waits of one pool, under a key that is made once.
#[derive(Debug)]
pub(crate) struct Waits(Key);

impl Waits {
    pub(crate) fn new(pool: &str) -> Self {
        Self(Key::from_parts(
            WAIT,
            vec![Label::new("pool", pool.to_owned())],
        ))
    }

    #[cold]
    pub(crate) fn report(&self, waited: Duration) {
        static METADATA: Metadata<'static> =
            Metadata::new("meshpool", Level::INFO, Some(module_path!()));

        let histogram = with_recorder(|recorder| recorder.register_histogram(&self.0, &METADATA));
        histogram.record(waited.as_secs_f64());
    }
}
